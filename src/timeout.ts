import { Duration } from 'cdk8s';
import { gep2257 } from './private/duration';
import type { Spec } from './private/spec';

/** Options of `Timeout.total`. */
export interface TotalTimeoutOptions {
  /**
   * Bound of each try; not longer than the total.
   *
   * @default - only the total bounds a try
   */
  readonly perTry?: Duration;
}

/**
 * How long a caller waits for an answer, counted from the request's head to the end of the answer. A request that runs into it is answered 504.
 *
 * @see https://gateway-api.sigs.k8s.io/geps/gep-1742/
 */
export class Timeout {
  /**
   * Bounds the call with all its retries and the waits between them (Gateway API `timeouts.request`, xDS `RouteAction.timeout`).
   *
   * @param duration whole milliseconds, at most 24 hours
   * @param options a bound of each try
   */
  public static total(duration: Duration, options: TotalTimeoutOptions = {}): Timeout {
    return new Timeout(duration, options.perTry);
  }

  /**
   * Bounds each try only (Gateway API `timeouts.backendRequest`, xDS `RetryPolicy.per_try_timeout`).
   *
   * @param duration whole milliseconds, at most 24 hours
   */
  public static perTry(duration: Duration): Timeout {
    return new Timeout(undefined, duration);
  }

  private constructor(private readonly ofCall: Duration | undefined, private readonly ofTry: Duration | undefined) {}

  /** @internal */
  public _toSpec(): Spec<'timeout'> {
    return { total: gep2257(this.ofCall), perTry: gep2257(this.ofTry) };
  }
}
