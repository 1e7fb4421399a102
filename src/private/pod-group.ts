import { ApiObject } from 'cdk8s';
import type { Workload } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { PodFacts } from '../check/graph';
import { AGENT_CONTAINER, BASE_VERSION, PROXY_CONTAINER } from '../contract/names';
import { withAgent } from '../contract/pod/agent';
import { unanswered } from '../contract/pod/probes';
import { withSidecar } from '../contract/pod/sidecar';
import { GRACE_SECONDS, graceOf } from '../contract/pod/termination';
import type { PodIdentity, PodSpec, Variable } from '../contract/pod/types';
import { INBOUND_PORT } from '../contract/ports';
import type { Region } from '../region';
import { rewrite } from './joined-workload';
import { serviceLabels, versionLabels, versionSelector } from './labels';
import { inRegions } from './placement';
import { RawObject } from './raw-object';

/** One version of a service: what its objects have in common. */
export interface PodGroupProps {
  readonly meshName: string;
  readonly identity: PodIdentity & { readonly service: string };
  /** Name of the Kubernetes Service, and of a Deployment that this package writes. */
  readonly name: string;
  readonly account: string;
  readonly port: number;
  /** What is spoken on the port; undefined: nobody says. */
  readonly appProtocol: string | undefined;
  readonly regions: readonly Region[];
  readonly maxUnavailable: number;
  /** Of pods that this package writes; undefined: Kubernetes' own default. */
  readonly graceSeconds: number | undefined;
  /** Where the application reaches services of bytes; grows with the calls of the service. */
  readonly environment: () => readonly Variable[];
}

/** A Deployment that this package writes. */
export interface OwnPods {
  readonly replicas: number;
  readonly container: Record<string, unknown>;
  readonly volumes: readonly object[];
}

/** How `appProtocol` calls what is spoken (GEP-1911). */
const APP_PROTOCOL: Readonly<Record<string, string>> = { http: 'http', http2: 'kubernetes.io/h2c', grpc: 'grpc', tcp: 'tcp' };

/** The pods of one version of a service, with the Kubernetes Service that selects them. */
export abstract class PodGroup {
  public constructor(protected readonly scope: Construct, protected readonly props: PodGroupProps) {}

  /** Deployment or StatefulSet. */
  public abstract readonly workload: ApiObject;
  public abstract readonly replicas: number;
  /** What the workload will be, or undefined where its manifest cannot be made (then cdk8s-plus says why). */
  protected abstract podSpec(): PodSpec | undefined;

  public get version(): string {
    return this.props.identity.version;
  }

  public get kubernetesService(): string {
    return this.props.name;
  }

  /** The pod as the checks see it. */
  public facts(): PodFacts {
    const pod = this.podSpec() ?? {};
    const { interception } = this.props.identity;
    const { containers = [], initContainers = [], securityContext } = pod;
    return {
      containers: [...containers, ...initContainers].map((container: Record<string, any>) => ({
        name: container.name ?? '',
        image: container.image ?? '',
        ports: (container.ports ?? []).map((port: Record<string, any>) => ({
          name: port.name, number: Number(port.containerPort), protocol: port.protocol ?? 'TCP',
        })),
        env: (container.env ?? []).map((variable: { name: string }) => variable.name),
        runAsUser: container.securityContext?.runAsUser ?? securityContext?.runAsUser,
        isProxy: container.name === PROXY_CONTAINER || container.name === AGENT_CONTAINER,
        resources: container.resources,
        probePorts: probePorts(container),
      })),
      terminationGracePeriodSeconds: graceOf(pod),
      hostNetwork: pod.hostNetwork === true,
      interception: interception && {
        unanswered: [...containers, ...initContainers].filter(({ name }: { name: string }) => name !== PROXY_CONTAINER)
          .flatMap((container: Record<string, any>) => unanswered(container, interception).map((what) => `container ${container.name}: ${what}`)),
        openPorts: interception.excludeInboundPorts ?? [],
      },
    };
  }

  /** The Kubernetes Service: who calls it reaches the sidecars of these pods, or the application where there are none. */
  protected service(): void {
    const { meshName, identity, name, port, appProtocol } = this.props;
    const targetPort = identity.dataPlane === undefined ? INBOUND_PORT : port;
    const labels = this.version === BASE_VERSION ? serviceLabels(meshName, identity.service) : this.labels();
    new RawObject(this.scope, 'Service', { apiVersion: 'v1', kind: 'Service', name, namespace: identity.namespace, labels }, () => ({
      spec: {
        type: 'ClusterIP',
        selector: versionSelector(identity.service, identity.version),
        // A number: until 1.33 Kubernetes does not look for the name of a port among native sidecars, and the Service would have no endpoints.
        ports: [{ name: appProtocol ?? 'detected', port, protocol: 'TCP', appProtocol: appProtocol && (APP_PROTOCOL[appProtocol] ?? appProtocol), targetPort }],
      },
    }));
  }

  protected disruptionBudget(): void {
    const { identity, name, maxUnavailable } = this.props;
    const head = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', name, namespace: identity.namespace, labels: this.labels() };
    new RawObject(this.scope, 'DisruptionBudget', head, () => ({
      spec: { maxUnavailable, selector: { matchLabels: versionSelector(identity.service, identity.version) } },
    }));
  }

  protected labels(): Record<string, string> {
    return versionLabels(this.props.meshName, this.props.identity.service, this.version);
  }

  protected meshed(pod: PodSpec): PodSpec {
    const { identity, regions, environment } = this.props;
    const { dataPlane } = identity;
    const joined = dataPlane === undefined ? withSidecar(pod, identity, environment()) : dataPlane === 'none' ? pod : withAgent(pod, identity);
    return inRegions(joined, regions, versionSelector(identity.service, identity.version));
  }
}

/** A version whose Deployment this package writes. */
export class OwnPodGroup extends PodGroup {
  public readonly workload: RawObject;
  public readonly replicas: number;
  /** Nothing but its variables changes after construction, and both the checks and the manifest need it. */
  private made: { readonly variables: number; readonly pod: PodSpec } | undefined;

  public constructor(scope: Construct, props: PodGroupProps, private readonly pods: OwnPods) {
    super(scope, props);
    this.replicas = pods.replicas;
    const { name, identity } = props;
    const head = { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace: identity.namespace, labels: this.labels() };
    this.workload = new RawObject(scope, 'Deployment', head, () => ({ spec: this.deploymentSpec() }));
    this.service();
    this.disruptionBudget();
  }

  protected podSpec(): PodSpec {
    return this.workload.patchedSpec()?.template?.spec ?? this.pod();
  }

  private deploymentSpec() {
    const { identity } = this.props;
    return {
      replicas: this.replicas,
      selector: { matchLabels: versionSelector(identity.service, identity.version) },
      // A pod leaves only when the one that replaces it is ready.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
      template: { metadata: { labels: this.labels() }, spec: this.pod() },
    };
  }

  private pod(): PodSpec {
    const variables = this.props.environment().length;
    if (this.made?.variables !== variables) {
      const pod = this.meshed({
        serviceAccountName: this.props.account,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: this.props.graceSeconds ?? GRACE_SECONDS,
        containers: [this.pods.container],
        volumes: this.pods.volumes,
      });
      this.made = { variables, pod };
    }
    return this.made.pod;
  }
}

/** A version whose workload is there already: it keeps its fields, and its pods get the sidecar, the labels and the account. */
export class JoinedPodGroup extends PodGroup {
  public readonly workload: ApiObject;

  public constructor(scope: Construct, props: PodGroupProps, private readonly joined: Workload) {
    super(scope, props);
    this.workload = ApiObject.of(joined);
    rewrite(this.workload, (manifest) => {
      const template = manifest.spec?.template ?? {};
      const pod: PodSpec = { ...template.spec, serviceAccountName: template.spec?.serviceAccountName ?? props.account };
      const labels = { ...template.metadata?.labels, ...this.labels() };
      const meshed = { ...template, metadata: { ...template.metadata, labels }, spec: this.meshed(pod) };
      return { ...manifest, spec: { ...manifest.spec, template: meshed } };
    });
    this.service();
    this.disruptionBudget();
  }

  public get replicas(): number {
    const { replicas, kind } = this.joined as unknown as { replicas?: number; kind: string };
    return replicas ?? (kind === 'StatefulSet' ? 1 : 2);
  }

  protected podSpec(): PodSpec | undefined {
    try {
      return this.workload.toJson().spec?.template?.spec;
    } catch {
      return undefined;
    }
  }
}

const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'];

/** Ports that the probes of a container name; a number needs no name. */
function probePorts(container: Record<string, any>): string[] {
  const ports = PROBES.flatMap((probe) => [container[probe]?.httpGet?.port, container[probe]?.tcpSocket?.port]);
  return ports.filter((port): port is string => typeof port === 'string');
}
