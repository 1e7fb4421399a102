import type { RbacConfig } from './rbac-types';
import type { DownstreamTlsConfig } from './tls-types';
import type { AccessLogConfig, HttpConnectionManagerConfig } from './types';

/** Listeners and their filter chains: a part of `types.ts`, which exports it. */
export interface ListenerConfig {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  /** original_dst: a connection that was redirected counts as one to where it was meant to go. */
  readonly originalDestination?: boolean;
  readonly inspect: InspectConfig;
  readonly filterChains: readonly FilterChainConfig[];
  /** Serves what none of `filterChains` matches; without one such a connection is closed. */
  readonly defaultFilterChain: FilterChainConfig | undefined;
}

/** All filter chains of a listener, the default one last. */
export function allChains({ filterChains, defaultFilterChain }: ListenerConfig): readonly FilterChainConfig[] {
  return defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
}

/** Listener filters: what is looked for in the first bytes of a connection before its filter chain is chosen. */
export interface InspectConfig {
  /** tls_inspector: a ClientHello, its server name and application protocols. */
  readonly tls: boolean;
  /** http_inspector: a request line of HTTP/1, the preface of HTTP/2. */
  readonly http: boolean;
  /** listener_filters_timeout: time for these bytes to come; 0 waits for ever. */
  readonly timeout: number;
  /** continue_on_listener_filters_timeout: go on with what is known by then, and do not close: a server that speaks first is served so. */
  readonly continueOnTimeout: boolean;
}

/** What a connection is served by, and which connections. */
export interface FilterChainConfig {
  /** Names it in the whole proxy: the listener's name, with the chain's own after a slash where it is not the only one. */
  readonly key: string;
  readonly name: string;
  readonly match: FilterChainMatchConfig;
  /** Undefined: plain TCP. */
  readonly transportSocket: DownstreamTlsConfig | undefined;
  /** envoy.filters.network.rbac in front of a tcp_proxy: who may connect; undefined: everybody. */
  readonly rbac: RbacConfig | undefined;
  readonly filter: HttpConnectionManagerConfig | TcpProxyConfig;
}

/** envoy.config.core.v3.CidrRange. */
export interface AddressRangeConfig {
  readonly address: string;
  readonly prefix: number;
}

/** envoy.config.listener.v3.FilterChainMatch: every list that is not empty has to contain what the connection has. */
export interface FilterChainMatchConfig {
  readonly destinationPort: number | undefined;
  /** Networks that the destination is in; undefined: any. */
  readonly prefixRanges?: readonly AddressRangeConfig[];
  /** Lower case: exact names, or `*.suffix`. */
  readonly serverNames: readonly string[];
  readonly transportProtocol: 'tls' | 'raw_buffer' | undefined;
  /** ALPN, or what http_inspector found: `http/1.0`, `http/1.1`, `h2c`. */
  readonly applicationProtocols: readonly string[];
}

/** envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy. */
export interface TcpProxyConfig {
  readonly kind: 'tcp_proxy';
  readonly statPrefix: string;
  /** One entry for a plain cluster. Weights are relative to their sum. */
  readonly clusters: readonly { readonly cluster: string; readonly weight: number }[];
  /** Time without a byte in either direction; 0 switches it off. */
  readonly idleTimeout: number;
  /** Bound of the connection's whole life (max_downstream_connection_duration); 0: none. */
  readonly maxDuration: number;
  /** Attempts to connect in all, each at another host where there is one. */
  readonly maxConnectAttempts: number;
  /** The host is picked by the client's address (hash_policy source_ip). */
  readonly hashSourceIp: boolean;
  /** Offered by ALPN to upstreams of TLS in place of what the cluster says (SetFilterState in front of it); undefined: the cluster's. */
  readonly alpn?: readonly string[];
  readonly accessLog: AccessLogConfig | undefined;
}
