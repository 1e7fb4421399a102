import type { IBackend } from '../backend';
import type { Variable } from '../contract/pod/types';
import { OUTBOUND_PORT } from '../contract/ports';
import type { CallOptions } from '../mesh-service-props';

/** Where the callers' applications reach a service of bytes: a port of their loopback. Undefined for what is told by its name in each request. */
export function localPortOf({ backendProtocol, backendPort }: IBackend, { localPort }: CallOptions): number | undefined {
  return localPort ?? (backendProtocol === 'tcp' ? backendPort : undefined);
}

/**
 * Clients that heed it ask their proxy for a tunnel to what they speak TLS to themselves. Only where something outside is called: within the mesh the
 * proxies speak it, and applications do not.
 */
export function tunnelVariables(upstreams: readonly IBackend[], intercepted: boolean): Variable[] {
  if (intercepted || !upstreams.some(({ backendKind, backendProtocol }) => backendKind === 'ExternalService' && backendProtocol !== 'tcp')) return [];
  return ['HTTPS_PROXY', 'https_proxy'].map((name) => ({ name, value: `http://127.0.0.1:${OUTBOUND_PORT}` }));
}

/**
 * How an application learns that place: by the names that Kubernetes itself gives a Service of the namespace, of which these stand instead. A service
 * of another namespace, for which Kubernetes has none, has its namespace in the name.
 */
export function upstreamVariables(namespace: string, { backendName, backendNamespace }: IBackend, localPort: number | undefined): Variable[] {
  if (localPort === undefined) return [];
  const words = backendNamespace === namespace ? backendName : `${backendName}_${backendNamespace}`;
  const name = words.toUpperCase().replace(/[^A-Z0-9]/g, '_');
  return [{ name: `${name}_SERVICE_HOST`, value: '127.0.0.1' }, { name: `${name}_SERVICE_PORT`, value: String(localPort) }];
}
