import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import {
  AGENT_CONTAINER, BASE_VERSION, CERTIFICATE_PORT, CONTROL_PLANE_ADMIN_PORT, HEALTH_PORT, INTERCEPT_CONTAINER, PROXY_CONTAINER, PROXY_ENVIRONMENT,
  SERVICE_LABEL, VERSION_LABEL, XDS_PORT,
} from '../../src/contract';
import type { AddressBlock } from './addresses';
import { localAgentArgs, localGrpcEnvironment, type LocalAgentPlace } from './agent';
import { environmentOf, type EnvironmentSource } from './environment';
import { expand } from './expand';
import { placements, type Placement } from './placement';
import { imageName, imageSettings, type ImageSettings, type Settings } from './settings';
import { localSidecarArgs } from './sidecar';
import { type KubeObject, type PodIdentity, type PodSpec, type Problem, type ProcessSpec, type WorkloadSpec } from './types';

/** Image of the control plane, whatever the registry. */
const CONTROL_PLANE_IMAGE = /(^|\/)meshwright\/control-plane$/;
/** Replicas of the control plane where the manifests hold none. */
const DEFAULT_CONTROL_PLANES = 2;

/** Where the programs and folders of a run are. */
export interface Installation {
  /** Node.js to run the planes, and commands that begin with `node`. */
  readonly node: string;
  readonly proxy: string;
  readonly controlPlane: string;
  /** Folders that the control plane watches. */
  readonly sources: readonly string[];
  /** Snapshots, status files and identities go here. */
  readonly state: string;
  /** Makes the token of a pod, the same for the same key; undefined: nobody proves who he is. */
  readonly tokenOf?: (pod: string) => string;
}

export interface Desired {
  readonly workloads: readonly WorkloadSpec[];
  readonly problems: readonly Problem[];
  /** Workloads that are not in the mesh and are not run: `Deployment/observability/jaeger`. */
  readonly skipped: readonly string[];
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly env?: EnvironmentSource[];
  readonly envFrom?: unknown;
}

interface Workload {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly proxy: Container | undefined;
  /** The cluster redirects its connections to the proxy. */
  readonly intercepted: boolean;
  readonly containers: readonly Container[];
}

/** Of the settings what says how images run. */
export type ImagesOfSettings = Pick<Settings, 'images' | 'folder'>;

/** What the manifests want to run. Pure, but for addresses, which are kept from call to call. */
export function desiredWorkloads(
  objects: readonly KubeObject[], settings: ImagesOfSettings, addresses: AddressBlock, installation: Installation,
): Desired {
  const problems: Problem[] = [];
  const skipped: string[] = [];
  const workloads: WorkloadSpec[] = [];
  const all = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet').map(workloadOf);
  const planes = all.find((workload) => workload.containers.some(({ image }) => CONTROL_PLANE_IMAGE.test(imageName(image ?? ''))));
  const replicas = planes?.replicas ?? DEFAULT_CONTROL_PLANES;
  const controlPlanes = Array.from({ length: replicas }, (_, replica) => addresses.controlPlane(replica));
  workloads.push(controlPlaneWorkload(planes, controlPlanes, installation, trustDomainOf(objects)));
  for (const workload of all) {
    if (workload === planes) continue;
    if (!workload.proxy) {
      skipped.push(workload.id);
      continue;
    }
    try {
      workloads.push(meshWorkload(workload, objects, { settings, addresses, installation, controlPlanes }));
    } catch (error) {
      problems.push({ where: workload.id, message: (error as Error).message });
    }
  }
  return { workloads, problems, skipped };
}

/** What is to be said of manifests without a pod of a mesh: with nothing in it, a mesh would behave whatever it does. */
export function nothingToRun({ workloads, skipped }: Desired, folder: string): Problem | undefined {
  if (workloads.some(({ pods }) => pods.some(({ service }) => service !== undefined))) return undefined;
  const has = skipped.length === 0 ? 'there is no Deployment or StatefulSet' : `none of ${skipped.join(', ')} has the sidecar`;
  return { where: folder, message: `there is nothing to run: ${has}; synthesize a program with a MeshService into it (cdk8s synth), or name another folder` };
}

interface Surroundings {
  readonly settings: ImagesOfSettings;
  readonly addresses: AddressBlock;
  readonly installation: Installation;
  readonly controlPlanes: readonly string[];
}

function workloadOf(object: KubeObject): Workload {
  type Pod = { serviceAccountName?: string; initContainers?: Container[]; containers?: Container[] };
  const spec = object.spec as { replicas?: number; template?: { metadata?: { labels?: Record<string, string> }; spec?: Pod } } | undefined;
  const pod = spec?.template?.spec;
  const namespace = object.metadata.namespace ?? 'default';
  const containers = pod?.containers ?? [];
  const proxy = [...(pod?.initContainers ?? []), ...containers].find(({ name }) => name === PROXY_CONTAINER || name === AGENT_CONTAINER);
  return {
    id: `${object.kind}/${namespace}/${object.metadata.name}`,
    kind: object.kind,
    name: object.metadata.name,
    namespace,
    replicas: spec?.replicas ?? 1,
    labels: spec?.template?.metadata?.labels ?? {},
    serviceAccount: pod?.serviceAccountName ?? 'default',
    proxy,
    intercepted: (pod?.initContainers ?? []).some(({ name }) => name === INTERCEPT_CONTAINER),
    containers: containers.filter((container) => container !== proxy),
  };
}

function meshWorkload(workload: Workload, objects: readonly KubeObject[], around: Surroundings): WorkloadSpec {
  const places = placements(workload.labels[SERVICE_LABEL] ?? workload.name, workload.namespace, objects);
  const inPlace = workload.kind === 'StatefulSet';
  // Without the number of pods: another one is a matter of starting or ending some, not of replacing all.
  const template = short(JSON.stringify([{ ...workload, replicas: 0 }, places, around.controlPlanes, imagesOf(workload, around.settings)]));
  const pods = Array.from({ length: workload.replicas }, (_, ordinal): PodSpec => {
    const name = inPlace ? `${workload.name}-${ordinal}` : `${workload.name}-${template.slice(0, 5)}-${ordinal}`;
    return podOf(workload, name, places[ordinal % places.length]!, template, objects, around);
  });
  return { id: workload.id, inPlace, pods };
}

function podOf(workload: Workload, name: string, place: Placement, template: string, objects: readonly KubeObject[], around: Surroundings): PodSpec {
  const { namespace } = workload;
  const address = around.addresses.pod(`${namespace}/${name}`);
  const facts = { name, namespace, address, serviceAccount: workload.serviceAccount, labels: workload.labels };
  const proxy = workload.proxy!;
  const agent = proxy.name === AGENT_CONTAINER ? agentPlace(workload, name, address, around) : undefined;
  const proxyEnv = environmentOf(proxy, facts, objects);
  const { node, proxy: program, state } = around.installation;
  const snapshots = join(state, 'snapshots', `${namespace}.${name}`);
  const identity = identityOf(`${namespace}/${name}`, workload.serviceAccount, around.installation);
  const trust = identity && { tokenFile: identity.tokenFile, trustBundleFile: trustBundleFile(state) };
  const processes: ProcessSpec[] = [{
    name: proxy.name,
    role: 'proxy',
    command: agent ? [node, join(dirname(program), 'agent.js'), ...localAgentArgs((proxy.args ?? []).map((arg) => expand(arg, proxyEnv)), agent)]
      : [node, program, ...localSidecarArgs(proxy.args ?? [], proxyEnv, {
        address, controlPlanes: around.controlPlanes, ...place, snapshots, identity: trust,
      })],
    env: proxyEnv,
    cwd: state,
  }];
  const appPorts: number[] = [];
  let control: PodSpec['control'];
  for (const container of workload.containers) {
    const settings = imageOf(container, around.settings);
    const port = container.ports?.[0]?.containerPort;
    const own = environmentOf(withProxyVariables(container, workload), facts, objects);
    const adapted = agent ? localGrpcEnvironment(own, agent) : laptopEnvironment(own, address);
    const env = { ...adapted, HOST: address, ...(port ? { PORT: String(port) } : {}) };
    const command = settings.command.map((word) => expand(word, env));
    processes.push({ name: container.name, role: 'app', command: command[0] === 'node' ? [node, ...command.slice(1)] : command, env, cwd: around.settings.folder });
    for (const { containerPort } of container.ports ?? []) appPorts.push(containerPort);
    control ??= settings.control;
  }
  return {
    name,
    namespace,
    address,
    workload: workload.id,
    labels: workload.labels,
    ...place,
    service: workload.labels[SERVICE_LABEL],
    version: workload.labels[VERSION_LABEL] ?? BASE_VERSION,
    namedPorts: namedPorts([proxy, ...workload.containers]),
    appPorts,
    readyPort: HEALTH_PORT,
    identity,
    hash: template,
    processes,
    control,
  };
}

/** Nobody redirects the connections of an application here: where the cluster does, it is told of its proxy as one without interception is. */
function withProxyVariables(container: Container, { intercepted }: Workload): Container {
  const named = new Set(container.env?.map(({ name }) => name));
  return intercepted ? { ...container, env: [...container.env ?? [], ...PROXY_ENVIRONMENT.filter(({ name }) => !named.has(name))] } : container;
}

/** @throws where nobody proves who he is: then there is nothing that an agent could do. */
function agentPlace(
  { namespace, serviceAccount }: Workload, name: string, address: string, { controlPlanes, installation }: Surroundings,
): LocalAgentPlace {
  const identity = identityOf(`${namespace}/${name}`, serviceAccount, installation);
  if (!identity) throw new Error('a pod without a sidecar has an agent, which needs a control plane that signs certificates');
  const { state } = installation;
  return {
    address, controlPlane: controlPlanes[0]!, certificates: join(state, 'identity', `${namespace}.${name}.certificates`), tokenFile: identity.tokenFile,
    trustBundleFile: trustBundleFile(state),
  };
}

/** A laptop's proxy, and what it serves to the application, is not at 127.0.0.1, which all pods share, but at the pod's own address. */
function laptopEnvironment(env: Readonly<Record<string, string>>, address: string): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) =>
    /^https?_proxy$/i.test(name) ? [name, value.replace(/\/\/(127\.0\.0\.1|localhost)(?=:|\/|$)/, `//${address}`)]
      : /_SERVICE_HOST$/.test(name) && value === '127.0.0.1' ? [name, address]
        : /^no_proxy$/i.test(name) ? [name, `${value},${address}`] : [name, value]));
}

function imageOf(container: Container, settings: ImagesOfSettings): ImageSettings {
  const reference = container.image ?? '';
  const found = imageSettings(settings, reference);
  if (!found) {
    throw new Error(`container ${container.name}: no command for image ${JSON.stringify(reference)}; `
      + `say in meshwright.local.yaml how it runs here: images: { ${imageName(reference)}: { command: [node, ${container.name}.js] } }`);
  }
  return found;
}

function imagesOf(workload: Workload, settings: ImagesOfSettings): readonly unknown[] {
  return workload.containers.map(({ image }) => imageSettings(settings, image ?? ''));
}

function namedPorts(containers: readonly Container[]): Record<string, number> {
  const named: Record<string, number> = {};
  for (const { ports } of containers) for (const { name, containerPort } of ports ?? []) if (name !== undefined) named[name] = containerPort;
  return named;
}

function identityOf(pod: string, serviceAccount: string, { state, tokenOf }: Installation): PodIdentity | undefined {
  return tokenOf && { serviceAccount, token: tokenOf(pod), tokenFile: join(state, 'identity', `${pod.replace('/', '.')}.token`) };
}

/** The trust domain of the mesh; undefined where the manifests hold none. */
function trustDomainOf(objects: readonly KubeObject[]): string | undefined {
  const mesh = objects.find(({ kind }) => kind === 'Mesh');
  return (mesh?.spec as { trustDomain?: string } | undefined)?.trustDomain;
}

/** Where the control plane writes the roots, and proxies read them. */
export function trustBundleFile(state: string): string {
  return join(state, 'identity', 'ca.crt');
}

/** Whose tokens are whose, for the control plane. */
export function tokensFile(state: string): string {
  return join(state, 'identity', 'tokens.json');
}

function controlPlaneWorkload(
  workload: Workload | undefined, addresses: readonly string[], installation: Installation, trustDomain: string | undefined,
): WorkloadSpec {
  const namespace = workload?.namespace ?? 'meshwright-system';
  const pods = addresses.map((address, replica): PodSpec => {
    const name = `${workload?.name ?? 'meshwright-control-plane'}-${replica}`;
    const args = [
      ...installation.sources.flatMap((folder) => ['--source', `folder:${folder}`]),
      '--xds-address', `${address}:${XDS_PORT}`,
      '--admin-address', `${address}:${CONTROL_PLANE_ADMIN_PORT}`,
      '--status-file', statusFile(installation.state, replica),
      ...installation.tokenOf === undefined || trustDomain === undefined ? [] : [
        '--authority', `file:${join(installation.state, 'identity', 'authority.json')}`,
        '--trust-domain', trustDomain,
        '--tokens', tokensFile(installation.state),
        '--trust-bundle', trustBundleFile(installation.state),
        '--certificate-address', `${address}:${CERTIFICATE_PORT}`,
      ],
    ];
    const command = [installation.node, installation.controlPlane, ...args];
    return {
      name,
      namespace,
      address,
      workload: workload?.id ?? `Deployment/${namespace}/meshwright-control-plane`,
      service: undefined,
      version: undefined,
      labels: workload?.labels ?? {},
      zone: undefined,
      region: undefined,
      namedPorts: {},
      appPorts: [XDS_PORT],
      readyPort: CONTROL_PLANE_ADMIN_PORT,
      identity: undefined,
      hash: short(JSON.stringify(command)),
      processes: [{ name: 'control-plane', role: 'control-plane', command, env: { POD_NAMESPACE: namespace }, cwd: installation.state }],
      control: undefined,
    };
  });
  return { id: workload?.id ?? `Deployment/${namespace}/meshwright-control-plane`, inPlace: true, pods };
}

/** Where a control plane's replica writes the status of every object. */
export function statusFile(state: string, replica: number): string {
  return join(state, `status-${replica}.json`);
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}
