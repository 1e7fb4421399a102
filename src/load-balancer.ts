import { HashKey } from './hash-key';
import type { Spec } from './private/spec';

/** Options of `LoadBalancer.ringHash`. */
export interface RingHashOptions {
  /**
   * Points on the ring at least, 1024 to 8,388,608 (xDS `minimum_ring_size`). More spread the keys more evenly and take more memory.
   *
   * @default 1024
   */
  readonly minRingSize?: number;
}

/** Picks the endpoint (xDS `load_balancing_policy`). */
export class LoadBalancer {
  /** In turn. */
  public static roundRobin(): LoadBalancer {
    return new LoadBalancer({ roundRobin: {} });
  }

  /**
   * The least loaded of some random endpoints.
   *
   * @param choices random endpoints to compare, 2 to 16; 2 is the usual ("power of two choices")
   */
  public static leastRequest(choices: number): LoadBalancer {
    return new LoadBalancer({ leastRequest: { choices } });
  }

  /**
   * Ketama ring: the same key reaches the same endpoint, and a leaving endpoint moves only its own keys. A request without the key goes to a
   * random endpoint.
   *
   * @param key what is hashed
   * @param options size of the ring
   */
  public static ringHash(key: HashKey, options: RingHashOptions = {}): LoadBalancer {
    return new LoadBalancer({ ringHash: { key: key._toSpec(), minRingSize: options.minRingSize ?? 1024 } });
  }

  private constructor(private readonly spec: Spec<'loadBalancer'>) {}

  /** @internal */
  public _toSpec(): Spec<'loadBalancer'> {
    return this.spec;
  }
}
