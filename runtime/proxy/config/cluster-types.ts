import type { UpstreamTlsConfig } from './tls-types';
import type { Http2Limits } from './types';

/** Clusters and their endpoints: a part of `types.ts`, which exports it. */
export interface ClusterConfig {
  readonly name: string;
  /** Alternative name in metrics (alt_stat_name). */
  readonly statName: string;
  readonly discovery: 'static' | 'eds' | 'strict_dns' | 'original_dst';
  /** Of an original_dst cluster: the port that is dialed instead of the one that was meant (upstream_port_override). */
  readonly portOverride?: number;
  /** Name asked for by EDS. */
  readonly endpointsName: string;
  readonly connectTimeout: number;
  readonly balancer: BalancerConfig;
  /** Envoy's circuit_breakers threshold of default priority: the bulkhead. */
  readonly limits: ClusterLimits;
  readonly retryBudget: RetryBudgetConfig | undefined;
  /** Ours, in typed_filter_metadata["meshwright.circuit_breaker"]. */
  readonly breaker: CircuitBreakerConfig | undefined;
  /**
   * Ours, in typed_filter_metadata["meshwright.jwks"]: milliseconds for which keys of tokens that came from it stay good beyond their time while no others can
   * be had; undefined: without end.
   */
  readonly keysKeptFor?: number;
  readonly outlierDetection: OutlierDetectionConfig | undefined;
  /** The cluster's one health_checks; undefined: none. */
  readonly healthCheck?: HealthCheckConfig;
  /** Idle pooled connections are closed after this; 0 switches it off. */
  readonly idleTimeout: number;
  /** common_http_protocol_options.max_connection_duration: an older connection takes no more requests; undefined: no bound. */
  readonly maxConnectionDuration?: number | undefined;
  /** What upstreams speak: HTTP/2 where this is set, else HTTP/1.1. */
  readonly http2: Http2Limits | undefined;
  /** auto_config: ALPN decides whether it is HTTP/2, which then has these limits; `http2` is undefined then, and there is TLS. */
  readonly autoHttp2?: Http2Limits;
  /** Undefined: plain TCP. */
  readonly transportSocket: UpstreamTlsConfig | undefined;
  /** Requests a connection serves before it is closed; 0: no bound. */
  readonly maxRequestsPerConnection: number;
  /** Percent of healthy endpoints below which health is ignored (healthy_panic_threshold); 0 switches panic off. */
  readonly panicThreshold: number;
  /** Localities of one priority share by their weights (locality_weighted_lb_config); else all endpoints of a priority are one set. */
  readonly localityWeighted: boolean;
  /** overprovisioning factor in percent for spilling over to the next priority; Envoy's default is 140. */
  readonly overprovisioningFactor: number;
}

export type BalancerConfig =
  | { readonly kind: 'round_robin' }
  | { readonly kind: 'least_request'; readonly choices: number }
  | { readonly kind: 'random' }
  | { readonly kind: 'ring_hash'; readonly minimumRingSize: number; readonly maximumRingSize: number };

export interface ClusterLimits {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
}

export interface RetryBudgetConfig {
  /** Percent of the active requests that may be retries. */
  readonly percent: number;
  readonly minConcurrency: number;
}

export type CircuitBreakerConfig = {
  /** Time open before one request probes. */
  readonly cooldown: number;
} & (
  | { readonly kind: 'consecutive_failures'; readonly failures: number }
  | { readonly kind: 'failure_rate'; readonly percent: number; readonly window: number; readonly minRequests: number }
);

/** envoy.config.core.v3.HealthCheck. */
export type HealthCheckConfig = {
  readonly timeout: number;
  readonly interval: number;
  /** Of a host that is out; 0: `interval`. */
  readonly unhealthyInterval: number;
  /** Random parts of the wait before the first check, and of each further one beside its interval. */
  readonly initialJitter: number;
  readonly intervalJitter: number;
  readonly intervalJitterPercent: number;
  /** Checks in a row without an answer that take a host out, and good ones that bring it back. */
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
} & (
  /** Statuses from `start` to below `end` are well. */
  | { readonly kind: 'http'; readonly host: string; readonly path: string; readonly expectedStatuses: readonly { readonly start: number; readonly end: number }[] }
  /** grpc.health.v1.Health/Check; an empty service is the whole server. */
  | { readonly kind: 'grpc'; readonly host: string; readonly service: string }
  | { readonly kind: 'tcp' }
);

/** envoy.config.cluster.v3.OutlierDetection. */
export interface OutlierDetectionConfig {
  /** 0 switches the detector off. */
  readonly consecutive5xx: number;
  readonly consecutiveGatewayFailure: number;
  readonly consecutiveLocalOriginFailure: number;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly interval: number;
  readonly baseEjectionTime: number;
  readonly maxEjectionTime: number;
  readonly maxEjectionPercent: number;
  readonly alwaysEjectOneHost: boolean;
}

export interface ClusterEndpoints {
  readonly clusterName: string;
  readonly localities: readonly LocalityEndpoints[];
}

export interface LocalityEndpoints {
  readonly region: string;
  readonly zone: string;
  readonly priority: number;
  readonly weight: number;
  readonly endpoints: readonly EndpointConfig[];
}

export interface EndpointConfig {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** EDS health status UNHEALTHY, DRAINING or TIMEOUT is false. */
  readonly healthy: boolean;
}
