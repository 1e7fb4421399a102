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
  /**
   * Bound of making a connection (xDS `Cluster.connect_timeout`).
   *
   * @default Duration.seconds(5)
   */
  readonly connect?: Duration;
}

/** Options of `Timeout.perTry`. */
export interface PerTryTimeoutOptions {
  /**
   * Bound of making a connection (xDS `Cluster.connect_timeout`).
   *
   * @default Duration.seconds(5)
   */
  readonly connect?: Duration;
}

/** Bounds of connections. */
export interface ConnectionTimeoutOptions {
  /**
   * Bound of making a connection (xDS `Cluster.connect_timeout`).
   *
   * @default Duration.seconds(5)
   */
  readonly connect?: Duration;
  /**
   * A connection over which nothing went for so long, in either direction, is closed (xDS `TcpProxy.idle_timeout`). Only for `tcp`.
   *
   * @default Duration.hours(1)
   */
  readonly idle?: Duration;
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
    return new Timeout(duration, options.perTry, options.connect);
  }

  /**
   * Bounds each try only (Gateway API `timeouts.backendRequest`, xDS `RetryPolicy.per_try_timeout`).
   *
   * @param duration whole milliseconds, at most 24 hours
   * @param options a bound of the connection
   */
  public static perTry(duration: Duration, options: PerTryTimeoutOptions = {}): Timeout {
    return new Timeout(undefined, duration, options.connect);
  }

  /**
   * Bounds connections only: all that there is to bound for `tcp`, and requests may take any time.
   *
   * @param options bounds, each whole milliseconds, at most 24 hours
   */
  public static connection(options: ConnectionTimeoutOptions): Timeout {
    return new Timeout(undefined, undefined, options.connect, options.idle);
  }

  private constructor(
    private readonly ofCall: Duration | undefined,
    private readonly ofTry: Duration | undefined,
    private readonly toConnect: Duration | undefined,
    private readonly ofIdle?: Duration,
  ) {}

  /** @internal */
  public _toSpec(): Spec<'timeout'> {
    return {
      total: gep2257(this.ofCall),
      perTry: gep2257(this.ofTry),
      // Members of connections alone: where only requests are bounded the contract has none of them.
      ...this.toConnect === undefined ? {} : { connect: gep2257(this.toConnect) },
      ...this.ofIdle === undefined ? {} : { idle: gep2257(this.ofIdle) },
    };
  }
}
