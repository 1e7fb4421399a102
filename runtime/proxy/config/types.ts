import type { BodyLimitConfig, CompressorConfig, DigestConfig, FaultConfig } from './body-types';
import type { ClusterConfig, ClusterEndpoints } from './cluster-types';
import type { JwtConfig, JwtOfRoute } from './jwt-types';
import type { ListenerConfig } from './listener-types';
import type { RbacConfig } from './rbac-types';
import type { SecretConfig } from './tls-types';

/**
 * The configuration as the data path sees it: plain frozen data, made once from decoded xDS by `config/`, compiled into lookup tables and
 * closures by the rooms that use it. Nothing here knows protobuf; nothing here is optional that affects traffic: what xDS left out has the value
 * that Envoy documents for it. Durations are milliseconds.
 */

export * from './cluster-types';
export * from './listener-types';
export * from './body-types';
export * from './jwt-types';
export * from './rbac-types';
export * from './tls-types';

/**
 * One immutable set of everything; replaced as a whole, by one assignment. What did not change between two snapshots is the same object in both,
 * so whoever applies one compares by identity. Every listener's route table and every cluster's endpoints are in it: what has not arrived yet
 * keeps its listener or cluster out.
 */
export interface ProxySnapshot {
  readonly listeners: ReadonlyMap<string, ListenerConfig>;
  /** Route tables by name, those that listeners carry inline included. */
  readonly routes: ReadonlyMap<string, RouteTableConfig>;
  readonly clusters: ReadonlyMap<string, ClusterConfig>;
  /** Endpoints by cluster name. Addresses are IP addresses: names of strict_dns clusters are resolved before. */
  readonly endpoints: ReadonlyMap<string, ClusterEndpoints>;
  /** Certificates and trust by name, of those that listeners and clusters refer to; all of them are there. */
  readonly secrets: ReadonlyMap<string, SecretConfig>;
}

export interface HttpConnectionManagerConfig {
  readonly kind: 'http';
  /** Prefix of its metrics: HttpConnectionManager.stat_prefix. */
  readonly statPrefix: string;
  /** Key into `ProxySnapshot.routes`. */
  readonly routeTable: string;
  /** HTTP filters in order, the router last and not listed. */
  readonly filters: readonly HttpFilterConfig[];
  readonly accessLog: AccessLogConfig | undefined;
  /** HttpConnectionManager.stream_idle_timeout; 0 switches it off. */
  readonly streamIdleTimeout: number;
  /** common_http_protocol_options.idle_timeout of downstream connections; 0 switches it off. */
  readonly idleTimeout: number;
  /** common_http_protocol_options.max_connection_duration of downstream connections, which drain then; undefined: no bound. */
  readonly maxConnectionDuration?: number | undefined;
  /** request_headers_timeout: a head that is not complete by then is 408; 0 switches it off. */
  readonly requestHeadersTimeout: number;
  /** request_timeout: a request whose body is not complete so long after its head is 408; 0 switches it off. */
  readonly requestTimeout: number;
  /** Bytes of a request head (max_request_headers_kb × 1024); more is 431. */
  readonly maxRequestHeadBytes: number;
  /** Keep the client's own x-request-id (preserve_external_request_id); made where there is none. */
  readonly generateRequestId: boolean;
  readonly preserveExternalRequestId: boolean;
  /** Append the peer's address to x-forwarded-for (use_remote_address). */
  readonly useRemoteAddress: boolean;
  /** Value of `server` in answers that the proxy makes. */
  readonly serverName: string;
  /** What becomes of an upstream's own `server` header (server_header_transformation; Envoy's default is overwrite). */
  readonly serverHeader: 'overwrite' | 'append_if_absent' | 'pass_through';
  /** HTTP/1.0 requests are served (http_protocol_options.accept_http_10) and not answered with 426. */
  readonly acceptHttp10: boolean;
  /** upgrade_configs has WebSocket: where neither it nor the route's own does, a request to upgrade to WebSocket is 403. */
  readonly websocket: boolean;
  /** Bytes buffered a connection before reading stops (per_connection_buffer_limit_bytes). */
  readonly bufferLimit: number;
  /** What clients speak (codec_type); auto tells them apart by their first bytes. */
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly http2: Http2Limits;
}

/** http2_protocol_options, of either side. */
export interface Http2Limits {
  /** max_concurrent_streams: downstream what clients are told, upstream what is opened on one connection at most. */
  readonly maxConcurrentStreams: number;
  /** initial_stream_window_size and initial_connection_window_size: bytes that the peer may be ahead, and what is kept for it at most. */
  readonly initialStreamWindow: number;
  readonly connectionWindow: number;
  /** connection_keepalive: milliseconds between PINGs, and for each to be answered; undefined: none are sent. */
  readonly keepalive?: { readonly interval: number; readonly timeout: number };
}

/** A filter in front of the router. Each kind has one file in `filter/`. */
export type HttpFilterConfig =
  | { readonly kind: 'jwt'; readonly name: string; readonly config: JwtConfig | undefined; readonly ofRoute?: JwtOfRoute }
  | { readonly kind: 'local_ratelimit'; readonly name: string; readonly config: RateLimitConfig | undefined }
  | { readonly kind: 'rbac'; readonly name: string; readonly config: RbacConfig | undefined }
  | { readonly kind: 'body_limit'; readonly name: string; readonly config: BodyLimitConfig | undefined }
  | { readonly kind: 'fault'; readonly name: string; readonly config: FaultConfig | undefined }
  | { readonly kind: 'compressor'; readonly name: string; readonly config: CompressorConfig | undefined }
  | { readonly kind: 'digest'; readonly name: string; readonly config: DigestConfig | undefined };

export interface RateLimitConfig {
  readonly statPrefix: string;
  /** Buckets that must all admit the request. */
  readonly buckets: readonly TokenBucketConfig[];
  readonly statusCode: number;
  /** Send the `RateLimit` headers of the IETF draft (enable_x_ratelimit_headers). */
  readonly headers: boolean;
  /** Added to answers to requests that the limit refused (response_headers_to_add). */
  readonly responseHeaders: HeaderMutation;
  /** A call of gRPC over the limit is RESOURCE_EXHAUSTED, and not UNAVAILABLE (rate_limited_as_resource_exhausted). */
  readonly resourceExhausted?: boolean;
  /** Percent of requests that the limit is enforced for. */
  readonly enforcedPercent: number;
}

export interface TokenBucketConfig {
  /** Name in headers and metrics. */
  readonly name: string;
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillInterval: number;
  /** Counted apart for each value of the key; undefined: one count for all. */
  readonly key: HashKeyConfig | undefined;
  /** Values counted at once; the least recently seen is forgotten. */
  readonly maxKeys: number;
}

export interface RouteTableConfig {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHostConfig[];
}

export interface VirtualHostConfig {
  readonly name: string;
  /** Lower case; exact, `*.suffix`, `prefix.*` or `*`, with Envoy's order of precedence. */
  readonly domains: readonly string[];
  /** The first that matches wins. */
  readonly routes: readonly RouteConfig[];
  readonly requestHeaders: HeaderMutation;
  readonly responseHeaders: HeaderMutation;
}

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatchConfig;
  readonly action: RouteActionConfig | RedirectConfig | DirectResponseConfig;
  readonly requestHeaders: HeaderMutation;
  readonly responseHeaders: HeaderMutation;
  /** Configuration of filters for this route, by filter name. */
  readonly filters: ReadonlyMap<string, HttpFilterConfig>;
}

export type PathMatchConfig =
  /** `connect` is connect_matcher: CONNECT alone, which has no path, and which nothing else matches. */
  | { readonly kind: 'prefix' | 'exact' | 'path_separated_prefix' | 'connect'; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: 'regex'; readonly value: string };

/** A value of a header or query parameter. `present` with invert is absent. */
export type ValueMatchConfig =
  | { readonly kind: 'present' }
  | { readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains'; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: 'range'; readonly start: number; readonly end: number }
  | { readonly kind: 'regex'; readonly value: string };

export interface NamedMatchConfig {
  /** Header name in lower case (`:method`, `:path`, `:authority`, `:scheme` included) or query parameter. */
  readonly name: string;
  readonly match: ValueMatchConfig;
  readonly invert: boolean;
}

export interface RouteMatchConfig {
  readonly path: PathMatchConfig;
  readonly headers: readonly NamedMatchConfig[];
  readonly queryParams: readonly NamedMatchConfig[];
  /** Numerator of a million of matching requests that take the route (runtime_fraction). */
  readonly fractionPerMillion: number;
}

export interface HeaderMutation {
  readonly remove: readonly string[];
  readonly set: readonly HeaderValue[];
  readonly append: readonly HeaderValue[];
}
export interface HeaderValue {
  readonly name: string;
  readonly value: string;
}

export interface WeightedClusterConfig {
  readonly cluster: string;
  readonly weight: number;
  /** host_rewrite_literal, instead of that of the route. */
  readonly hostRewrite?: string;
  readonly requestHeaders: HeaderMutation;
  readonly responseHeaders: HeaderMutation;
}

/** request_mirror_policies: a part of the requests goes to that cluster, too. */
export interface MirrorConfig {
  readonly cluster: string;
  readonly fractionPerMillion: number;
}

export interface RouteActionConfig {
  readonly kind: 'route';
  /** One entry for a plain cluster. Weights are relative to their sum. */
  readonly clusters: readonly WeightedClusterConfig[];
  /** Pick the cluster by the hash policy instead of by chance (WeightedCluster.use_hash_policy). */
  readonly clusterByHash: boolean;
  /** Status where the cluster is unknown (cluster_not_found_response_code). */
  readonly clusterNotFoundStatus: number;
  readonly rewrite: PathRewriteConfig | undefined;
  /** host_rewrite_literal. */
  readonly hostRewrite: string | undefined;
  /** Bound of the request with all its tries, from its end of stream (Envoy counts from there); 0 switches it off. */
  readonly timeout: number;
  /** max_stream_duration: bound of a request from its head to the end of its answer; undefined: none. */
  readonly maxDuration: MaxDurationConfig | undefined;
  /** Ours, in typed_filter_metadata["meshwright.grpc"]: bytes of a message of a call at most, 0 without a bound; undefined: none of either. */
  readonly messageLimits?: MessageLimits;
  /** Per route stream idle timeout; undefined: the listener's. */
  readonly idleTimeout: number | undefined;
  /** The route's own upgrade_configs for WebSocket; undefined: the listener's holds. */
  readonly websocket: boolean | undefined;
  /** upgrade_configs has CONNECT with connect_config: the tunnel ends here, and its bytes go to the cluster. */
  readonly connect?: boolean;
  readonly retry: RetryConfig | undefined;
  readonly hash: readonly HashPolicyConfig[];
  readonly mirrors: readonly MirrorConfig[];
}

export interface MessageLimits {
  readonly request: number;
  readonly response: number;
}

export interface MaxDurationConfig {
  /** Of requests whose `grpc-timeout` does not count; 0: none. */
  readonly duration: number;
  /** grpc_timeout_header_max: `grpc-timeout` counts, up to this; 0: as it is; undefined: it does not count. */
  readonly grpcTimeoutMax: number | undefined;
  /** grpc_timeout_header_offset: how much earlier than the client this proxy gives up. */
  readonly grpcTimeoutOffset: number;
}

export type PathRewriteConfig =
  /** prefix_rewrite: what the match's prefix (or whole exact path) becomes. */
  | { readonly kind: 'prefix'; readonly value: string }
  /** regex_rewrite, or a whole new path. */
  | { readonly kind: 'regex'; readonly pattern: string; readonly substitution: string };

export interface RedirectConfig {
  readonly kind: 'redirect';
  readonly scheme: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly rewrite: PathRewriteConfig | undefined;
  readonly statusCode: number;
  readonly stripQuery: boolean;
}

export interface DirectResponseConfig {
  readonly kind: 'direct';
  readonly statusCode: number;
  readonly body: Uint8Array;
}

/**
 * What a try has to end in to be tried again: xDS retry_on. What a word implies is set too: `5xx` and `gateway-error` set `connectFailure`,
 * `refusedStream` and `reset`.
 */
export interface RetryConditions {
  readonly connectFailure: boolean;
  readonly refusedStream: boolean;
  readonly reset: boolean;
  readonly gatewayError: boolean;
  readonly serverError: boolean;
  readonly retriable4xx: boolean;
  /** A try that ran into its per-try timeout; implied by `serverError` and `gatewayError` as in Envoy (it becomes a 504). */
  readonly statusCodes: ReadonlySet<number>;
  /** Statuses of gRPC in the head of an answer that is nothing else (Trailers-Only): `cancelled`, `deadline-exceeded`, `internal`, … */
  readonly grpcStatuses: ReadonlySet<number>;
}

export interface RetryConfig {
  readonly on: RetryConditions;
  /** Retries after the first try. */
  readonly maxRetries: number;
  /** 0 switches it off. */
  readonly perTryTimeout: number;
  readonly perTryIdleTimeout: number;
  readonly baseInterval: number;
  readonly maxInterval: number;
  /** Part of a wait that is random, 0 to 1; 1 is Envoy's full jitter (0 … wait). */
  readonly jitter: number;
  /** Tries are made at another host where there is one (previous_hosts predicate), at most this often again. */
  readonly avoidPreviousHosts: boolean;
  readonly hostSelectionAttempts: number;
  /** Where there are some, only requests that match one of them are retried (retriable_request_headers). */
  readonly requestMatches: readonly NamedMatchConfig[];
  /** Bytes of request body kept for replay, never more than the listener's `bufferLimit`; a longer body is sent once and not retried. */
  readonly maxReplayBytes: number;
  /** Wait for the answer's Retry-After where it is longer, up to this; 0 switches it off. */
  readonly rateLimitedMaxInterval: number;
}

export type HashKeyConfig =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string; readonly ttl: number | undefined; readonly path: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source_ip' };

export interface HashPolicyConfig {
  readonly key: HashKeyConfig;
  /** Later policies are skipped once this one found a value. */
  readonly terminal: boolean;
}

/** Which requests are logged. */
export type AccessLogFilterConfig =
  | { readonly kind: 'any'; readonly filters: readonly AccessLogFilterConfig[] }
  /** Status of the answer; 0 where there was none. */
  | { readonly kind: 'flag'; readonly flags: readonly string[] }
  | { readonly kind: 'status'; readonly op: 'EQ' | 'GE' | 'LE'; readonly value: number }
  /** So many of a million, at random. */
  | { readonly kind: 'sample'; readonly perMillion: number };

export interface AccessLogConfig {
  /** `-` is standard output. */
  readonly path: string;
  /** JSON member → format string with Envoy's command operators; undefined: ours. */
  readonly jsonFormat: ReadonlyMap<string, string> | undefined;
  /** Undefined: every request. */
  readonly filter: AccessLogFilterConfig | undefined;
}
