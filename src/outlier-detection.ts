import { Duration } from 'cdk8s';
import { gep2257, millisecondsOf } from './private/duration';
import type { Spec } from './private/spec';

/** Options of `OutlierDetection`. */
export interface OutlierDetectionOptions {
  /** First ejection; multiplied by the number of times the endpoint was ejected (xDS `base_ejection_time`). */
  readonly baseEjectionDuration: Duration;
  /** Endpoints that may be out at once, 1 to 100; one always may (xDS `max_ejection_percent`). */
  readonly maxEjectionPercent: number;
  /**
   * Time between the sweeps that end ejections (xDS `interval`).
   *
   * @default Duration.seconds(10)
   */
  readonly interval?: Duration;
  /**
   * Longest ejection (xDS `max_ejection_time`).
   *
   * @default - five minutes, or the first ejection where that is longer
   */
  readonly maxEjectionDuration?: Duration;
}

const FIVE_MINUTES = 300_000;

/** Ejects single endpoints that fail, from the balancers of each calling proxy (xDS `outlier_detection`). */
export class OutlierDetection {
  /**
   * Ejects after `errors` 5xx answers or connection failures in a row (xDS `consecutive_5xx`).
   *
   * @param errors 1 to 10,000
   * @param options how long, and how many at once
   */
  public static consecutiveServerErrors(errors: number, options: OutlierDetectionOptions): OutlierDetection {
    return new OutlierDetection(errors, options);
  }

  private constructor(private readonly errors: number, private readonly options: OutlierDetectionOptions) {}

  /** @internal */
  public _toSpec(): Spec<'outlierDetection'> {
    const { baseEjectionDuration, maxEjectionPercent, interval, maxEjectionDuration } = this.options;
    const first = millisecondsOf(baseEjectionDuration);
    return {
      consecutiveServerErrors: this.errors,
      interval: gep2257(interval ?? Duration.seconds(10)),
      baseEjectionDuration: gep2257(baseEjectionDuration),
      maxEjectionDuration: gep2257(maxEjectionDuration ?? Duration.millis(first > FIVE_MINUTES ? first : FIVE_MINUTES)),
      maxEjectionPercent,
    };
  }
}
