/** What a caller's proxy does with calls. Undefined is off. */
export interface Policies {
  readonly timeout: Timeout;
  /** Bound of making a connection. */
  readonly connectTimeout: number | undefined;
  /** Of connections that carry bytes: closed when nothing went over them for so long. */
  readonly idleTimeout: number | undefined;
  /** How old a connection may become. */
  readonly maxConnectionDuration: number | undefined;
  readonly retry: Retry | undefined;
  readonly retryBudget: RetryBudget | undefined;
  readonly circuitBreaker: CircuitBreaker | undefined;
  readonly outlierDetection: OutlierDetection | undefined;
  readonly bulkhead: Bulkhead | undefined;
  readonly loadBalancer: LoadBalancer;
  readonly locality: LocalityPolicy | undefined;
  readonly healthCheck: HealthCheck | undefined;
}

/** How an endpoint is asked whether it is well. */
export interface HealthCheck {
  readonly ask: { readonly kind: 'http'; readonly path: string } | { readonly kind: 'grpc'; readonly service: string } | { readonly kind: 'tcp' };
  readonly interval: number;
  readonly timeout: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
}

/** Undefined is no bound. */
export interface Timeout {
  readonly total: number | undefined;
  readonly perTry: number | undefined;
}

export type RetryOn = 'connect-failure' | 'refused-stream' | 'reset' | 'gateway-error' | '5xx' | 'per-try-timeout' | 'rate-limited'
  | 'cancelled' | 'deadline-exceeded' | 'internal' | 'resource-exhausted' | 'unavailable';

export interface Retry {
  readonly attempts: number;
  readonly on: readonly RetryOn[];
  readonly methods: readonly string[];
  readonly baseInterval: number;
  readonly maxInterval: number;
  /** 0 to 1. */
  readonly jitter: number;
}

export interface RetryBudget {
  readonly percent: number;
  readonly minConcurrency: number;
}

export type CircuitBreaker = { readonly cooldown: number } & (
  | { readonly kind: 'consecutive-failures'; readonly failures: number }
  | { readonly kind: 'failure-rate'; readonly percent: number; readonly window: number; readonly minRequests: number }
);

export interface OutlierDetection {
  readonly consecutiveServerErrors: number;
  readonly interval: number;
  readonly baseEjection: number;
  readonly maxEjection: number;
  readonly maxEjectionPercent: number;
}

export interface Bulkhead {
  readonly maxConnections: number;
  /** Undefined: no bound. */
  readonly maxPendingRequests: number | undefined;
  /** Undefined: no bound. */
  readonly maxRequests: number | undefined;
}

export interface Compression {
  readonly library: 'gzip' | 'brotli';
  readonly minBytes: number;
}

export interface RateLimit {
  readonly name: string;
  readonly requests: number;
  readonly interval: number;
  readonly burst: number;
}

export type LoadBalancer =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'least-request'; readonly choices: number }
  | { readonly kind: 'ring-hash'; readonly key: HashKey; readonly minRingSize: number };

export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string; readonly ttl: number | undefined }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source-ip' };

export interface LocalityPolicy {
  /** The header with the geohash that picks the first region; undefined: the caller's own region is the first. */
  readonly geohashHeader: string | undefined;
  readonly failover: readonly string[];
  readonly healthyPercent: number;
}
