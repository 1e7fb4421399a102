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
  /**
   * How old a connection may become; see `ConnectionTimeoutOptions.maxDuration`.
   *
   * @default - as old as it likes
   */
  readonly maxConnectionDuration?: Duration;
}

/** Options of `Timeout.perTry`. */
export interface PerTryTimeoutOptions {
  /**
   * Bound of making a connection (xDS `Cluster.connect_timeout`).
   *
   * @default Duration.seconds(5)
   */
  readonly connect?: Duration;
  /**
   * How old a connection may become; see `ConnectionTimeoutOptions.maxDuration`.
   *
   * @default - as old as it likes
   */
  readonly maxConnectionDuration?: Duration;
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
  /**
   * How old a connection of a caller's proxy may become, so that its load moves to endpoints that came later. One of HTTP that is older takes no more
   * requests and is closed when those that it carries have ended (xDS `HttpProtocolOptions.max_connection_duration`); one of `tcp` has no such seam and
   * is closed at once (xDS `TcpProxy.max_downstream_connection_duration`).
   *
   * @default - as old as it likes
   */
  readonly maxDuration?: Duration;
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
   * @param options bounds of each try and of connections
   */
  public static total(duration: Duration, options: TotalTimeoutOptions = {}): Timeout {
    return new Timeout(duration, options.perTry, { connect: options.connect, maxDuration: options.maxConnectionDuration });
  }

  /**
   * Bounds each try only (Gateway API `timeouts.backendRequest`, xDS `RetryPolicy.per_try_timeout`).
   *
   * @param duration whole milliseconds, at most 24 hours
   * @param options bounds of connections
   */
  public static perTry(duration: Duration, options: PerTryTimeoutOptions = {}): Timeout {
    return new Timeout(undefined, duration, { connect: options.connect, maxDuration: options.maxConnectionDuration });
  }

  /**
   * Bounds connections only: all that there is to bound for `tcp`, and requests may take any time.
   *
   * @param options bounds, each whole milliseconds, at most 24 hours
   */
  public static connection(options: ConnectionTimeoutOptions): Timeout {
    return new Timeout(undefined, undefined, options);
  }

  private constructor(
    private readonly ofCall: Duration | undefined,
    private readonly ofTry: Duration | undefined,
    private readonly ofConnections: ConnectionTimeoutOptions,
  ) {}

  /** @internal */
  public _toSpec(): Spec<'timeout'> {
    const { connect, idle, maxDuration } = this.ofConnections;
    return {
      total: gep2257(this.ofCall),
      perTry: gep2257(this.ofTry),
      // Members of connections alone: where only requests are bounded the contract has none of them.
      ...connect === undefined ? {} : { connect: gep2257(connect) },
      ...idle === undefined ? {} : { idle: gep2257(idle) },
      ...maxDuration === undefined ? {} : { maxConnectionDuration: gep2257(maxDuration) },
    };
  }
}
