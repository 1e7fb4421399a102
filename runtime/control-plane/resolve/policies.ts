import { parseDuration, type MeshServiceSpec, type OutboundSpec } from '../../../src/contract';
import type {
  CircuitBreaker, Compression, Fault, HashKey, HealthCheck, LoadBalancer, LocalityPolicy, OutlierDetection, Policies, RateLimit, Retry, RetryBudget,
  Timeout,
} from '../model';

type Spec = MeshServiceSpec;
type RetrySpec = NonNullable<Spec['retry']>;

/** What callers do with calls to the service, from its document. */
export function policiesOf(spec: OutboundSpec & Partial<Pick<Spec, 'rules' | 'locality'>>): Policies {
  return {
    timeout: timeoutOf(spec.timeout),
    connectTimeout: optional(spec.timeout?.connect),
    idleTimeout: optional(spec.timeout?.idle),
    maxConnectionDuration: optional(spec.timeout?.maxConnectionDuration),
    retry: spec.retry && retryOf(spec.retry),
    retryBudget: retryBudgetOf(spec),
    circuitBreaker: spec.circuitBreaker && circuitBreakerOf(spec.circuitBreaker),
    outlierDetection: spec.outlierDetection && outlierDetectionOf(spec.outlierDetection),
    bulkhead: spec.bulkhead && {
      maxConnections: spec.bulkhead.maxConnections, maxPendingRequests: spec.bulkhead.maxPendingRequests, maxRequests: spec.bulkhead.maxRequests,
    },
    loadBalancer: loadBalancerOf(spec.loadBalancer),
    locality: spec.locality && localityOf(spec.locality),
    healthCheck: spec.healthCheck && healthCheckOf(spec.healthCheck),
  };
}

/** A Kubernetes Service that is in no mesh: in turn, and nothing else. */
export const NO_POLICIES: Policies = Object.freeze({
  timeout: { total: undefined, perTry: undefined },
  connectTimeout: undefined,
  idleTimeout: undefined,
  maxConnectionDuration: undefined,
  retry: undefined,
  retryBudget: undefined,
  circuitBreaker: undefined,
  outlierDetection: undefined,
  bulkhead: undefined,
  loadBalancer: { kind: 'round-robin' },
  locality: undefined,
  healthCheck: undefined,
} as const);

export function timeoutOf(timeout: Pick<NonNullable<Spec['timeout']>, 'total' | 'perTry'> | undefined): Timeout {
  return { total: optional(timeout?.total), perTry: optional(timeout?.perTry) };
}

export function retryOf(retry: RetrySpec): Retry {
  return {
    attempts: retry.attempts,
    on: retry.retryOn,
    methods: retry.methods,
    baseInterval: ms(retry.backoff.baseInterval),
    maxInterval: ms(retry.backoff.maxInterval),
    jitter: retry.backoff.jitterPercent / 100,
  };
}

/**
 * A proxy has one budget for each backend, whichever rule a retry comes from (xDS has it on the cluster): the strictest of the service's own and
 * those of its rules.
 */
function retryBudgetOf(spec: Pick<Spec, 'retry' | 'rules'>): RetryBudget | undefined {
  const budgets = [spec.retry, ...(spec.rules ?? []).map((rule) => rule.retry)].flatMap((retry) => (retry?.budget ? [retry.budget] : []));
  if (budgets.length === 0) return undefined;
  return { percent: Math.min(...budgets.map((one) => one.percent)), minConcurrency: Math.min(...budgets.map((one) => one.minConcurrency)) };
}

function circuitBreakerOf(breaker: NonNullable<Spec['circuitBreaker']>): CircuitBreaker {
  const cooldown = ms(breaker.cooldown);
  if (breaker.failureRate) {
    const { percent, window, minRequests } = breaker.failureRate;
    return { kind: 'failure-rate', cooldown, percent, window: ms(window), minRequests };
  }
  return { kind: 'consecutive-failures', cooldown, failures: breaker.consecutiveFailures! };
}

function outlierDetectionOf(outlier: NonNullable<Spec['outlierDetection']>): OutlierDetection {
  return {
    consecutiveServerErrors: outlier.consecutiveServerErrors,
    interval: ms(outlier.interval),
    baseEjection: ms(outlier.baseEjectionDuration),
    maxEjection: ms(outlier.maxEjectionDuration),
    maxEjectionPercent: outlier.maxEjectionPercent,
  };
}

function healthCheckOf({ http, grpc, interval, timeout, unhealthyThreshold, healthyThreshold }: NonNullable<Spec['healthCheck']>): HealthCheck {
  return {
    ask: http !== undefined ? { kind: 'http', path: http.path } : grpc !== undefined ? { kind: 'grpc', service: grpc.service } : { kind: 'tcp' },
    interval: ms(interval),
    timeout: ms(timeout),
    unhealthyThreshold,
    healthyThreshold,
  };
}

function loadBalancerOf(balancer: Spec['loadBalancer']): LoadBalancer {
  if (balancer.leastRequest) return { kind: 'least-request', choices: balancer.leastRequest.choices };
  if (balancer.ringHash) return { kind: 'ring-hash', key: hashKeyOf(balancer.ringHash.key), minRingSize: balancer.ringHash.minRingSize };
  return { kind: 'round-robin' };
}

type HashKeySpec = NonNullable<Spec['loadBalancer']['ringHash']>['key'];

export function hashKeyOf(key: HashKeySpec): HashKey {
  if (key.header !== undefined) return { kind: 'header', name: key.header };
  if (key.cookie !== undefined) return { kind: 'cookie', name: key.cookie.name, ttl: optional(key.cookie.ttl) };
  if (key.queryParam !== undefined) return { kind: 'query', name: key.queryParam };
  return { kind: 'source-ip' };
}

function localityOf(locality: NonNullable<Spec['locality']>): LocalityPolicy {
  if (locality.geohash) {
    const { header, failover, healthyPercent } = locality.geohash;
    return { geohashHeader: header, failover, healthyPercent };
  }
  const { failover, healthyPercent } = locality.preferLocal!;
  return { geohashHeader: undefined, failover, healthyPercent };
}

export function rateLimitsOf(spec: Spec): RateLimit[] {
  return (spec.rateLimits ?? []).map(({ name, requests, interval, burst }) => ({ name, requests, interval: ms(interval), burst }));
}

export function faultsOf(spec: Spec): Fault[] | undefined {
  return spec.faults?.map(({ abort, delay, percent }) => (
    abort === undefined ? { kind: 'delay', delay: ms(delay!.duration), percent } : { kind: 'abort', status: abort.statusCode, percent }
  ));
}

export function compressionOf({ compression }: Spec): Compression | undefined {
  if (compression?.gzip) return { library: 'gzip', minBytes: compression.gzip.minBytes };
  return compression?.brotli && { library: 'brotli', minBytes: compression.brotli.minBytes };
}

/** The longest that a proxy's timer can be, 24.8 days; a text can say 11 years. */
const LONGEST = 2 ** 31 - 1;

/** The schema has said that it is one. */
export function milliseconds(duration: string): number {
  return ms(duration);
}

function ms(duration: string): number {
  return Math.min(parseDuration(duration)!, LONGEST);
}

export function optional(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : ms(duration);
}
