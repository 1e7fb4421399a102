import { serviceHost } from '../../../src/contract';
import type { Backend } from '../model';

/** Name of both the outbound listener and its route configuration. */
export const OUTBOUND = 'outbound';
/** Name of both the inbound listener and its route configuration. */
export const INBOUND = 'inbound';
/** Before the name of a cluster: its pods by their own addresses, where connections are intercepted. */
export const PODS = 'pods:';
/** Before the name of a cluster outside of the mesh: for applications that speak TLS to it themselves. */
export const TUNNEL = 'tunnel:';
/** Before the host and port of a cluster where the keys of tokens are fetched. */
export const KEYS = 'keys:';
/** Cluster of connections that go on to where they were meant to go, in plain text. */
export const PASS_THROUGH = 'pass-through';
/** Begins the names of all that has to do with what is outside of the mesh, and is the name of its routes. */
export const OUTSIDE = 'outside';
/** A cluster that never exists: what is sent there is answered 500. */
export const INVALID_BACKEND = 'invalid-backend';

/** `payment.shop:8080`; for traffic that a geohash sends to a region `ingest.iot:8080@eu-west`. */
export function clusterName({ name, namespace, port }: Pick<Backend, 'name' | 'namespace' | 'port'>, region?: string): string {
  const plain = `${name}.${namespace}:${port}`;
  return region === undefined ? plain : `${plain}@${region}`;
}

/** Cluster of what is outside of the mesh, for bytes that nobody looks into. */
export function tunnelName(backend: Pick<Backend, 'name' | 'namespace' | 'port'>): string {
  return `${TUNNEL}${clusterName(backend)}`;
}

/** Listener of a caller at which its application reaches a backend of bytes: `outbound:db.shop:5432`. */
export function bytesListenerName(backend: Pick<Backend, 'name' | 'namespace' | 'port'>): string {
  return `${OUTBOUND}:${clusterName(backend)}`;
}

/** What of HTTP is detected on a port whose protocol is not declared. */
export type DetectedProtocol = 'http' | 'http2';
export const DETECTED: readonly DetectedProtocol[] = ['http', 'http2'];

/** Cluster of the pod's own application. */
export function inboundClusterName(port: number, detected?: DetectedProtocol): string {
  return detected === undefined ? `${INBOUND}:${port}` : `${INBOUND}:${port}/${detected}`;
}

/**
 * Every name by which a caller may address the backend, with and without the port; the short name only inside of its namespace.
 * @param portless whether it is what a name without a port means: of several ports of one Service one is.
 */
export function domains({ name, namespace, port }: Backend, callerNamespace: string, clusterDomain: string | undefined, portless = true): string[] {
  const hosts = [
    ...callerNamespace === namespace ? [name] : [],
    `${name}.${namespace}`, `${name}.${namespace}.svc`, serviceHost(name, namespace, clusterDomain),
  ];
  return hosts.flatMap((host) => [...portless ? [host] : [], `${host}:${port}`]);
}
