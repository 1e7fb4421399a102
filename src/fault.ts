import type { Duration } from 'cdk8s';
import { gep2257 } from './private/duration';
import type { Spec } from './private/spec';

/**
 * Faults, to see whether callers can bear them. The proxy of the service itself injects them, behind everything that refuses (authorization, limits) and
 * in front of the application: retries, breakers, outlier detection and timeouts of callers take them for the service's own. Each request is chosen by
 * chance, for each fault by itself; it is delayed first, and then aborted.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/fault_filter
 */
export class Fault {
  /**
   * Answers instead of the application, which does not hear of the request. A call of gRPC ends with the status of gRPC that `statusCode` stands for: 503
   * is UNAVAILABLE.
   *
   * @param statusCode 200 to 599
   * @param percent of the requests: a whole number, 0 to 100
   */
  public static abort(statusCode: number, percent: number): Fault {
    return new Fault({ abort: { statusCode }, percent });
  }

  /**
   * Lets requests wait before the application gets them. A client that goes away meanwhile is gone, its request is dropped.
   *
   * @param duration how long
   * @param percent of the requests: a whole number, 0 to 100
   */
  public static delay(duration: Duration, percent: number): Fault {
    return new Fault({ delay: { duration: gep2257(duration) }, percent });
  }

  private constructor(private readonly spec: Spec<'faults'>[number]) {}

  /** @internal */
  public _toSpec(): Spec<'faults'>[number] {
    return this.spec;
  }
}
