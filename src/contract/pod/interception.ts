import { HEALTH_PORT, INBOUND_PORT, OUTBOUND_PORT, PROXY_UID } from '../ports';

/** Connections that stay out of the mesh, beside those that always do: of the proxy itself, within the pod, and to the proxy's own ports. */
export interface InterceptionSpec {
  /** Ports of the pod that are reached directly. */
  readonly excludeInboundPorts?: readonly number[];
  /** Ports that the application reaches directly, wherever they are. */
  readonly excludeOutboundPorts?: readonly number[];
  /** Networks that the application reaches directly, of IPv4 and IPv6. */
  readonly excludeOutboundCidrs?: readonly string[];
  /** Users whose connections are left alone. */
  readonly excludeUids?: readonly number[];
}

/** Name of the init container. */
export const INTERCEPT_CONTAINER = 'meshwright-intercept';
/** Table of nftables that holds all of it. */
export const INTERCEPT_TABLE = 'meshwright';
/** Program of the proxy's image that loads the rules. */
const PROGRAM = '/app/intercept.js';

/** The rules as arguments, so that the manifest shows all of them. */
export function interceptArguments(spec: InterceptionSpec): string[] {
  const list = (flag: string, values: readonly (number | string)[] = []) => (values.length === 0 ? [] : [flag, values.join(',')]);
  return [
    '--inbound-port', String(INBOUND_PORT),
    '--outbound-port', String(OUTBOUND_PORT),
    ...list('--exclude-inbound-ports', [HEALTH_PORT, ...spec.excludeInboundPorts ?? []]),
    ...list('--exclude-outbound-ports', spec.excludeOutboundPorts),
    ...list('--exclude-outbound-cidrs', spec.excludeOutboundCidrs),
    ...list('--exclude-uids', [PROXY_UID, ...spec.excludeUids ?? []]),
  ];
}

/**
 * The init container that loads the rules: root, with the one capability that nftables needs, and nothing else of the system. It runs before the proxy,
 * so nothing goes past it; its own end is the end of its rights.
 */
export function interceptContainer(image: string, spec: InterceptionSpec): Record<string, unknown> {
  return {
    name: INTERCEPT_CONTAINER,
    image,
    command: ['/usr/bin/node', PROGRAM],
    args: interceptArguments(spec),
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '1000m', memory: '128Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}
