import type { Spec } from './private/spec';
import { Region } from './region';

/** Options of every `LocalityPolicy`. */
export interface LocalityPolicyOptions {
  /** Traffic begins to move to the next region when fewer than this part of a region's endpoints are healthy, 1 to 100. */
  readonly healthyPercent: number;
  /**
   * Regions to fail over to, in order.
   *
   * @default - none: traffic stays, even if nothing is healthy
   */
  readonly failover?: Region[];
}

/**
 * Which region serves (xDS priorities of localities). What is healthy is known from `outlierDetection` and the readiness of pods: without the
 * former, failing endpoints count as healthy.
 */
export class LocalityPolicy {
  /**
   * The caller's own region first.
   *
   * @param options when and where traffic moves to
   */
  public static preferLocal(options: LocalityPolicyOptions): LocalityPolicy {
    return new LocalityPolicy({ preferLocal: LocalityPolicy.movement(options) });
  }

  /**
   * The region whose geohash is the longest prefix of a header's value; the caller's own region where none is.
   *
   * @param headerName request header with a geohash, in any case
   * @param options when and where traffic moves to
   */
  public static geohash(headerName: string, options: LocalityPolicyOptions): LocalityPolicy {
    return new LocalityPolicy({ geohash: { header: headerName.toLowerCase(), ...LocalityPolicy.movement(options) } });
  }

  private static movement(options: LocalityPolicyOptions) {
    return { failover: (options.failover ?? []).map((region) => region.name), healthyPercent: options.healthyPercent };
  }

  private constructor(private readonly spec: Spec<'locality'>) {}

  /** @internal */
  public _toSpec(): Spec<'locality'> {
    return this.spec;
  }
}
