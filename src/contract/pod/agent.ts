import { CONTROL_PLANE } from '../identity';
import { AGENT_CONTAINER, serviceHost, spiffeId } from '../names';
import { CERTIFICATE_PORT, HEALTH_PORT, PROXY_UID, XDS_PORT } from '../ports';
import { HARDENED } from './hardened';
import { fromField, IDENTITY_PATH, IDENTITY_VOLUME } from './sidecar';
import type { PodIdentity, PodSpec } from './types';

/** Volume of the pod's certificate, in memory, for the containers that show it themselves. */
const CERTIFICATES = 'meshwright-certificates';
const CERTIFICATES_PATH = '/var/run/meshwright-certificates';
/** Variable that libraries of gRPC take their bootstrap from (gRFC A27). */
export const GRPC_BOOTSTRAP = 'GRPC_XDS_BOOTSTRAP_CONFIG';
/** Program of the proxy's image. */
const PROGRAM = '/app/agent.js';

const FROM_POD = [
  fromField('MESHWRIGHT_POD_NAME', 'metadata.name'), fromField('MESHWRIGHT_POD_NAMESPACE', 'metadata.namespace'), fromField('MESHWRIGHT_POD_IP', 'status.podIP'),
];

/**
 * What a library of gRPC starts from: the control plane behind the agent, who the pod is, and where its certificate is. Addresses and names that only the
 * kubelet knows stand as `$(NAME)`.
 */
function grpcBootstrap(identity: PodIdentity): string {
  const file = (name: string) => `${CERTIFICATES_PATH}/${name}`;
  return JSON.stringify({
    xds_servers: [{ server_uri: `127.0.0.1:${XDS_PORT}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
    node: node(identity),
    certificate_providers: {
      default: {
        plugin_name: 'file_watcher',
        config: { certificate_file: file('svid.pem'), private_key_file: file('svid.key'), ca_certificate_file: file('ca.pem'), refresh_interval: '10s' },
      },
    },
  });
}

function node({ service, namespace, version }: PodIdentity) {
  return {
    id: '$(MESHWRIGHT_POD_NAME).$(MESHWRIGHT_POD_NAMESPACE)',
    cluster: `${service}.${namespace}`,
    locality: {},
    metadata: { service, namespace, version, podIp: '$(MESHWRIGHT_POD_IP)' },
  };
}

/** The pod with the agent before its containers, and what its library of gRPC needs to know in each. */
export function withAgent(pod: PodSpec, identity: PodIdentity): PodSpec {
  const mount = { name: CERTIFICATES, mountPath: CERTIFICATES_PATH };
  return {
    ...pod,
    containers: (pod.containers ?? []).map((container: Record<string, any>) => ({
      ...container,
      env: [...container.env ?? [], ...FROM_POD, { name: GRPC_BOOTSTRAP, value: grpcBootstrap(identity) }],
      volumeMounts: [...container.volumeMounts ?? [], { ...mount, readOnly: true }],
    })),
    initContainers: [agent(identity, mount), ...pod.initContainers ?? []],
    volumes: [...pod.volumes ?? [], { name: CERTIFICATES, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }, IDENTITY_VOLUME],
  };
}

/** A native sidecar: the application starts once there is a certificate. */
function agent(identity: PodIdentity, mount: object): Record<string, unknown> {
  const { controlPlane, proxy } = identity;
  const host = serviceHost(CONTROL_PLANE, controlPlane.namespace, controlPlane.clusterDomain);
  const probe = (path: string) => ({ httpGet: { path, port: HEALTH_PORT } });
  return {
    name: AGENT_CONTAINER,
    image: proxy.image,
    restartPolicy: 'Always',
    command: ['/usr/bin/node', PROGRAM],
    args: [
      '--identity-token', `${IDENTITY_PATH}/token`,
      '--identity-trust-bundle', `${IDENTITY_PATH}/ca.crt`,
      '--certificate-address', `${host}:${CERTIFICATE_PORT}`,
      '--control-plane', spiffeId(controlPlane.trustDomain, controlPlane.namespace, CONTROL_PLANE),
      '--certificate-folder', CERTIFICATES_PATH,
      '--relay-address', `127.0.0.1:${XDS_PORT}`,
      '--xds-address', `${host}:${XDS_PORT}`,
      '--node', JSON.stringify({ ...node(identity), user_agent_name: AGENT_CONTAINER }),
      '--health-address', `0.0.0.0:${HEALTH_PORT}`,
      '--log-level', proxy.logLevel,
    ],
    env: FROM_POD,
    ports: [{ name: 'mesh-health', containerPort: HEALTH_PORT, protocol: 'TCP' }],
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
    startupProbe: { ...probe('/ready'), periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 120 },
    readinessProbe: { ...probe('/ready'), periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe('/healthz'), periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3 },
    securityContext: { ...HARDENED, runAsUser: PROXY_UID, runAsGroup: PROXY_UID },
    volumeMounts: [mount, { name: 'meshwright-identity', mountPath: IDENTITY_PATH, readOnly: true }],
  };
}
