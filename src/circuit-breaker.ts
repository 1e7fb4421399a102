import { Duration } from 'cdk8s';
import { gep2257 } from './private/duration';
import type { Spec } from './private/spec';

/** Options of every circuit breaker. */
export interface CircuitBreakerOptions {
  /** Time open; then one request probes (half-open). Its success closes the breaker, its failure opens it for another cooldown. */
  readonly cooldown: Duration;
}

/** Options of `CircuitBreaker.failureRate`. */
export interface FailureRateOptions extends CircuitBreakerOptions {
  /** Sliding window in which tries are counted. */
  readonly window: Duration;
  /** Tries in the window before the share counts. */
  readonly minRequests: number;
}

/**
 * The resilience pattern: closed → open → half-open with one probe. Counted by each calling proxy for the service as a whole; while it is open
 * callers are answered 503 at once. For single endpoints there is `OutlierDetection`, for bounds on concurrency `Bulkhead`.
 */
export class CircuitBreaker {
  /**
   * Opens after `failures` failed tries in a row: a 5xx, a timeout, or no answer.
   *
   * @param failures 1 to 10,000; more than the tries of one call, or one call opens it
   * @param options the cooldown
   */
  public static consecutiveFailures(failures: number, options: CircuitBreakerOptions): CircuitBreaker {
    return new CircuitBreaker({ consecutiveFailures: failures, cooldown: gep2257(options.cooldown) });
  }

  /**
   * Opens when at least `percent` of the tries in a sliding window failed.
   *
   * @param percent 1 to 100
   * @param options window and cooldown
   */
  public static failureRate(percent: number, options: FailureRateOptions): CircuitBreaker {
    const failureRate = { percent, window: gep2257(options.window), minRequests: options.minRequests };
    return new CircuitBreaker({ failureRate, cooldown: gep2257(options.cooldown) });
  }

  private constructor(private readonly spec: object) {}

  /** @internal */
  public _toSpec(): Spec<'circuitBreaker'> {
    return this.spec as Spec<'circuitBreaker'>;
  }
}
