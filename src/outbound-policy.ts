import { Bulkhead } from './bulkhead';
import { CircuitBreaker } from './circuit-breaker';
import { HealthCheck } from './health-check';
import { LoadBalancer } from './load-balancer';
import { OutlierDetection } from './outlier-detection';
import { Retry } from './retry';
import { Timeout } from './timeout';

/** What the proxies of callers do with traffic: all that can be said of what is outside of the mesh. What is left out is off. */
export interface OutboundPolicy {
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
   * Which endpoint serves.
   *
   * @default LoadBalancer.leastRequest(2)
   */
  readonly loadBalancer?: LoadBalancer;
  /**
   * How each caller asks whether an endpoint is well.
   *
   * @default - not at all; what Kubernetes says of readiness holds
   */
  readonly healthCheck?: HealthCheck;
}
