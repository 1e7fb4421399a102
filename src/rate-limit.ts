import { Duration } from 'cdk8s';
import { gep2257 } from './private/duration';
import type { RateLimitSpec } from './private/spec';

/** Requests in a time. */
export class Rate {
  /**
   * Requests a second.
   *
   * @param requests a whole number, at least 1
   */
  public static perSecond(requests: number): Rate {
    return new Rate(requests, Duration.seconds(1), 'second');
  }

  /**
   * Requests a minute.
   *
   * @param requests a whole number, at least 1
   */
  public static perMinute(requests: number): Rate {
    return new Rate(requests, Duration.minutes(1), 'minute');
  }

  /** Requests in the interval. */
  public readonly requests: number;
  /** The interval. */
  public readonly interval: Duration;
  private readonly unit: string;

  private constructor(requests: number, interval: Duration, unit: string) {
    this.requests = requests;
    this.interval = interval;
    this.unit = unit;
  }

  /** @internal */
  public _name(): string {
    return `${this.requests}-per-${this.unit}`;
  }
}

/** Options of every rate limit. */
export interface RateLimitOptions {
  /**
   * Name in `RateLimit` headers, metrics and problem documents: a DNS label, unique in the service.
   *
   * @default - the rate, such as `20000-per-second`
   */
  readonly name?: string;
  /**
   * Requests above the rate that are let through at once after a quiet time.
   *
   * @default 0
   */
  readonly burst?: number;
}

/**
 * Limits requests by a token bucket. More than it admits is answered 429 with `RateLimit` and `Retry-After` headers.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export class RateLimit {
  /**
   * Of each replica: counted in its own proxy. A service of five replicas admits five times the rate (xDS `local_ratelimit`).
   *
   * @param rate the requests that each replica admits
   * @param options name and burst
   */
  public static perReplica(rate: Rate, options: RateLimitOptions = {}): RateLimit {
    return new RateLimit(rate, options);
  }

  private constructor(private readonly rate: Rate, private readonly options: RateLimitOptions) {}

  /** @internal */
  public _toSpec(): RateLimitSpec {
    const { name, burst } = this.options;
    return { name: name ?? this.rate._name(), requests: this.rate.requests, interval: gep2257(this.rate.interval), burst: burst ?? 0 };
  }
}
