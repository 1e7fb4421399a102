import { create, FilterChainMatchSchema, type FilterChain } from '../../xds';
import type { Backend, MeshSettings } from '../model';
import { clusterName, type DetectedProtocol } from './names';
import { tcpChain } from './tcp-proxy';

/**
 * What ALPN (RFC 7301) says of what is spoken within the tunnel between two proxies. Other bytes have a name too: a client that is told none may say
 * that it speaks HTTP. No server takes it, so nothing is agreed on.
 */
export const TUNNELLED: Readonly<Record<DetectedProtocol | 'tcp', string>> = { http: 'http/1.1', http2: 'h2', tcp: 'meshwright-bytes' };
/** As http_inspector names what it sees. HTTP/1.0 goes on as bytes: the proxies would speak 1.1. */
export const SEEN: Readonly<Record<DetectedProtocol, string>> = { http: 'http/1.1', http2: 'h2c' };

type Match = NonNullable<FilterChain['filterChainMatch']>;

export function firstBytes(transportProtocol: 'tls' | 'raw_buffer' | '', applicationProtocol?: string): Match {
  return create(FilterChainMatchSchema, { transportProtocol, applicationProtocols: applicationProtocol === undefined ? [] : [applicationProtocol] });
}

/** Whether the first bytes have to tell the versions of HTTP. */
export function seesHttp(chains: readonly FilterChain[]): boolean {
  return chains.some(({ filterChainMatch }) => filterChainMatch?.applicationProtocols.includes(SEEN.http2));
}

/**
 * How a caller's bytes go to a backend. Where the called proxy detects what is spoken and nobody but the two ends of the tunnel sees it, the caller's
 * looks, and the tunnel's ALPN says what it saw: listener filters of the called see no more than the ClientHello. The bytes stay as they are.
 */
export function bytesChains(statPrefix: string, mesh: MeshSettings, backend: Backend): FilterChain[] {
  const { idleTimeout, maxConnectionDuration, loadBalancer } = backend.policies;
  const to = (tunnelled?: string) => tcpChain(statPrefix, mesh, {
    cluster: clusterName(backend), idleTimeout, maxConnectionDuration, bySource: loadBalancer.kind === 'ring-hash', tunnelled,
  });
  if (!isTold(backend)) return [to()];
  const chain = (name: string, filterChainMatch: Match, tunnelled?: string) => ({ ...to(tunnelled), name, filterChainMatch } as FilterChain);
  return [
    chain('http', firstBytes('raw_buffer', SEEN.http), TUNNELLED.http),
    chain('http2', firstBytes('raw_buffer', SEEN.http2), TUNNELLED.http2),
    chain('bytes', firstBytes('raw_buffer')),
    // TLS of the application, whose own ALPN is none of the tunnel's.
    chain('tls', firstBytes('tls')),
  ];
}

/** Whether callers tell what they have seen. In plain text the called sees it himself. */
function isTold({ detects, tls }: Backend): boolean {
  return detects === true && tls !== undefined;
}
