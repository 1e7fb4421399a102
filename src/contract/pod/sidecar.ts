import { CONTROL_PLANE, TOKEN_AUDIENCE, TRUST_CONFIG_MAP } from '../identity';
import { MESH_PORT_NAME, PROXY_CONTAINER, serviceHost } from '../names';
import { CERTIFICATE_PORT, HEALTH_PORT, INBOUND_PORT, OUTBOUND_PORT, PROXY_UID } from '../ports';
import { quantity } from '../quantity';
import { SIDECAR_ENVIRONMENT } from '../sidecar';
import { bootstrap } from './bootstrap';
import { HARDENED } from './hardened';
import { interceptContainer } from './interception';
import { literal, probesBySidecar, type AppProbes } from './probes';
import { graceOf, leavingSlowly, termination } from './termination';
import type { PodIdentity, PodSpec, Variable } from './types';

/** Volume of the last good configuration, so that a restarted proxy serves while the control plane is away. */
const STATE = 'meshwright-state';
const STATE_PATH = '/var/lib/meshwright';
/** Volume of what proves who the pod is, and by what the control plane is known. */
const IDENTITY = 'meshwright-identity';
export const IDENTITY_PATH = '/var/run/meshwright';

/** Environment of the application's containers: HTTP clients that heed it reach others by name through their proxy. */
export const PROXY_ENVIRONMENT: readonly Variable[] = [
  { name: 'HTTP_PROXY', value: `http://127.0.0.1:${OUTBOUND_PORT}` },
  { name: 'http_proxy', value: `http://127.0.0.1:${OUTBOUND_PORT}` },
  { name: 'NO_PROXY', value: 'localhost,127.0.0.1' },
  { name: 'no_proxy', value: 'localhost,127.0.0.1' },
];

/** What is the same in every sidecar. Made once: a mesh has thousands of them, and each manifest gets a copy. */
const SAME_IN_ALL = {
  name: PROXY_CONTAINER,
  restartPolicy: 'Always',
  env: [
    fromField('POD_NAME', 'metadata.name'), fromField('POD_NAMESPACE', 'metadata.namespace'), fromField('POD_IP', 'status.podIP'),
    ...Object.entries(SIDECAR_ENVIRONMENT).map(([name, value]) => ({ name, value })),
  ],
  ports: [
    { name: MESH_PORT_NAME, containerPort: INBOUND_PORT, protocol: 'TCP' },
    { name: 'mesh-health', containerPort: HEALTH_PORT, protocol: 'TCP' },
  ],
  startupProbe: { httpGet: { path: '/ready', port: HEALTH_PORT }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 120 },
  readinessProbe: { httpGet: { path: '/ready', port: HEALTH_PORT }, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
  livenessProbe: { httpGet: { path: '/healthz', port: HEALTH_PORT }, periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3 },
  securityContext: { ...HARDENED, runAsUser: PROXY_UID, runAsGroup: PROXY_UID },
  volumeMounts: [{ name: STATE, mountPath: STATE_PATH }, { name: IDENTITY, mountPath: IDENTITY_PATH, readOnly: true }],
};
const STATE_VOLUME = { name: STATE, emptyDir: { sizeLimit: '64Mi' } };
export const IDENTITY_VOLUME = {
  name: IDENTITY,
  projected: {
    sources: [
      // Worth nothing at the Kubernetes API, or at any other server; the kubelet renews it.
      { serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: 3600, path: 'token' } },
      // The control plane writes it as soon as there is a service in the namespace. Until then the pod waits.
      { configMap: { name: TRUST_CONFIG_MAP, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
};

/** The pod with its sidecar: a native one, that starts before and ends after the application's containers. */
export function withSidecar(bare: PodSpec, identity: PodIdentity, upstreams: readonly Variable[]): PodSpec {
  const { interception, proxy, service } = identity;
  // What comes to a guest is passed on as it is, and so are its probes.
  const { pod, probes } = interception && service !== undefined ? probesBySidecar(bare, interception) : { pod: bare, probes: {} };
  // Where connections are redirected there is nothing that an application would have to know.
  const environment = [...interception ? [] : PROXY_ENVIRONMENT, ...upstreams];
  const grace = graceOf(pod);
  // Nobody calls a guest by way of a proxy that would hear of its end.
  const leaving = (container: Record<string, any>) => (service === undefined ? container : leavingSlowly(container, grace));
  return {
    ...pod,
    containers: (pod.containers ?? []).map((container: Record<string, any>) => leaving(throughProxy(container, environment))),
    initContainers: [
      ...interception ? [interceptContainer(proxy.image, interception)] : [],
      sidecar(identity, grace, probes),
      ...pod.initContainers ?? [],
    ],
    volumes: [...pod.volumes ?? [], STATE_VOLUME, IDENTITY_VOLUME],
  };
}

/** What a container already sets stays as it is. */
function throughProxy(container: Record<string, any>, environment: readonly Variable[]): Record<string, any> {
  const env: readonly { readonly name: string }[] = container.env ?? [];
  const names = new Set(env.map(({ name }) => name));
  return { ...container, env: [...env, ...environment.filter(({ name }) => !names.has(name))] };
}

function sidecar(identity: PodIdentity, graceSeconds: number, probes: AppProbes): Record<string, unknown> {
  const { service, serviceAccount, namespace, version, controlPlane, proxy, interception } = identity;
  return {
    ...SAME_IN_ALL,
    ...interception && { env: [...SAME_IN_ALL.env, fromField('POD_IPS', 'status.podIPs')] },
    image: proxy.image,
    resources: proxy.resources,
    args: [
      '--config-yaml', bootstrap({ service, serviceAccount, namespace, version, intercepted: interception && true }, controlPlane, {
        memory: quantity(proxy.resources.limits!.memory), concurrency: proxy.concurrency,
      }),
      '--service-node', '$(POD_NAME).$(POD_NAMESPACE)',
      '--service-cluster', `${service ?? serviceAccount}.${namespace}`,
      '--health-address', `0.0.0.0:${HEALTH_PORT}`,
      ...Object.keys(probes).length === 0 ? [] : ['--app-probes', literal(JSON.stringify(probes))],
      '--snapshot-path', `${STATE_PATH}/snapshot`,
      '--identity-token', `${IDENTITY_PATH}/token`,
      '--identity-trust-bundle', `${IDENTITY_PATH}/ca.crt`,
      '--certificate-address', `${serviceHost(CONTROL_PLANE, controlPlane.namespace, controlPlane.clusterDomain)}:${CERTIFICATE_PORT}`,
      // One deadline for all that ends in a pod: the kubelet kills what is left by then. It ends a sidecar after the applications, so there is nobody
      // left for whom new connections would be served.
      '--drain-time-s', String(termination(graceSeconds).drainSeconds),
      '--drain-grace-s', '0',
      '--log-level', proxy.logLevel,
      '--concurrency', String(proxy.concurrency),
    ],
  };
}

export function fromField(name: string, fieldPath: string) {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
