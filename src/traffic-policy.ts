import { Bulkhead } from './bulkhead';
import { CircuitBreaker } from './circuit-breaker';
import { Compression } from './compression';
import { Digest } from './digest';
import { Fault } from './fault';
import { HealthCheck } from './health-check';
import { JwtAuthentication } from './jwt-authentication';
import { LoadBalancer } from './load-balancer';
import { LocalityPolicy } from './locality-policy';
import { OutlierDetection } from './outlier-detection';
import { RateLimit } from './rate-limit';
import { Retry } from './retry';
import { SizeLimits } from './size-limits';
import { Timeout } from './timeout';

/**
 * Everything that shapes the traffic *to* a service. What is left out is off. A field has one source: two policies that set it, or a policy and
 * a property, are an error that names both.
 */
export interface TrafficPolicy {
  /**
   * How long a caller waits.
   *
   * @default - no timeout
   */
  readonly timeout?: Timeout;
  /**
   * What is tried again, and when.
   *
   * @default - nothing is
   */
  readonly retry?: Retry;
  /**
   * When the service as a whole is spared.
   *
   * @default - never
   */
  readonly circuitBreaker?: CircuitBreaker;
  /**
   * When a single endpoint is ejected.
   *
   * @default - never
   */
  readonly outlierDetection?: OutlierDetection;
  /**
   * Bound on the concurrency of each caller.
   *
   * @default - none
   */
  readonly bulkhead?: Bulkhead;
  /**
   * Limits, each of which must admit a request.
   *
   * @default - no limit
   */
  readonly rateLimits?: RateLimit[];
  /**
   * Which endpoint serves.
   *
   * @default LoadBalancer.leastRequest(2)
   */
  readonly loadBalancer?: LoadBalancer;
  /**
   * Which region serves.
   *
   * @default - every region alike
   */
  readonly locality?: LocalityPolicy;
  /**
   * Compression of answers.
   *
   * @default - none
   */
  readonly compression?: Compression;
  /**
   * Digests of bodies.
   *
   * @default - neither made nor verified
   */
  readonly digest?: Digest;
  /**
   * Bounds on the size of what passes.
   *
   * @default - none
   */
  readonly sizeLimits?: SizeLimits;
  /**
   * The token that each request has to have, beside the identity of its caller.
   *
   * @default - none
   */
  readonly authentication?: JwtAuthentication;
  /**
   * How each caller asks whether an endpoint is well.
   *
   * @default - not at all; what Kubernetes says of readiness holds
   */
  readonly healthCheck?: HealthCheck;
  /**
   * Faults that the service's own proxies inject, for a trial of its callers.
   *
   * @default - none
   */
  readonly faults?: Fault[];
}
