import type { Spec } from './private/spec';

/** Bounds on concurrency, of each calling proxy. */
export interface BulkheadLimits {
  /** Connections to the service (xDS `max_connections`). */
  readonly maxConnections: number;
  /** Requests that wait for a connection; more are answered 503 at once (xDS `max_pending_requests`). Has no meaning for `tcp`. */
  readonly maxPendingRequests: number;
  /**
   * Requests in flight (xDS `max_requests`).
   *
   * @default - only connections bound them
   */
  readonly maxRequests?: number;
}

/** Bounds the concurrency of each calling proxy towards the service: what Envoy calls `circuit_breakers`. */
export class Bulkhead {
  /**
   * Bounds by count.
   *
   * @param limits the bounds
   */
  public static of(limits: BulkheadLimits): Bulkhead {
    return new Bulkhead(limits);
  }

  /**
   * Bounds connections only: for `tcp`, where a connection above the bound is closed at once.
   *
   * @param maxConnections connections to the service (xDS `max_connections`)
   */
  public static connections(maxConnections: number): Bulkhead {
    return new Bulkhead({ maxConnections });
  }

  private constructor(private readonly limits: Partial<BulkheadLimits> & Pick<BulkheadLimits, 'maxConnections'>) {}

  /** @internal */
  public _toSpec(): Spec<'bulkhead'> {
    const { maxConnections, maxPendingRequests, maxRequests } = this.limits;
    return { maxConnections, maxPendingRequests, maxRequests };
  }
}
