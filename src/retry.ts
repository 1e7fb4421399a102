import { Duration } from 'cdk8s';
import { HttpMethod } from './http-method';
import { gep2257, millisecondsOf } from './private/duration';
import type { Spec } from './private/spec';

/** Ends of a try after which there is another one (xDS `RetryPolicy.retry_on`). */
export enum RetryOn {
  /** No connection was made. */
  CONNECT_FAILURE = 'connect-failure',
  /** The stream was refused before it was processed. */
  REFUSED_STREAM = 'refused-stream',
  /** The connection was reset before a response. */
  RESET = 'reset',
  /** 502, 503 or 504. */
  GATEWAY_ERROR = 'gateway-error',
  /** Any 5xx, or no response. */
  SERVER_ERROR = '5xx',
  /** The try ran into its per-try timeout. */
  PER_TRY_TIMEOUT = 'per-try-timeout',
  /** 429; waits for `Retry-After` where there is one. */
  RATE_LIMITED = 'rate-limited',
  /** A call of gRPC that ended with CANCELLED, before it brought a message. Only for services of `ServicePort.grpc` or `http2`, as the other `GRPC_` ones. */
  GRPC_CANCELLED = 'cancelled',
  /** DEADLINE_EXCEEDED, as an upstream of the service says. */
  GRPC_DEADLINE_EXCEEDED = 'deadline-exceeded',
  /** INTERNAL. */
  GRPC_INTERNAL = 'internal',
  /** RESOURCE_EXHAUSTED: a limit or quota. */
  GRPC_RESOURCE_EXHAUSTED = 'resource-exhausted',
  /** UNAVAILABLE: the one that gRPC itself means to be tried again. */
  GRPC_UNAVAILABLE = 'unavailable',
}

/** Options of every retry. */
export interface RetryOptions {
  /** Retries after the first try: 1 to 10. */
  readonly attempts: number;
  /** Ends of a try after which there is another one. */
  readonly on: RetryOn[];
  /**
   * Methods that are tried again. One that is not idempotent has to be declared so by the service (`idempotentMethods`).
   *
   * @default - those that RFC 9110 §9.2.2 calls idempotent: GET, HEAD, OPTIONS, TRACE, PUT, DELETE
   */
  readonly methods?: HttpMethod[];
  /**
   * Bound on retries under load (GEP-3388).
   *
   * @default - none
   */
  readonly budget?: RetryBudget;
}

/** Options of `Retry.exponential`. */
export interface ExponentialRetryOptions extends RetryOptions {
  /** Wait before the first retry; each next one is twice as long (xDS `RetryBackOff.base_interval`). */
  readonly baseInterval: Duration;
  /**
   * Longest wait (xDS `RetryBackOff.max_interval`).
   *
   * @default - ten times the first, at most 24 hours
   */
  readonly maxInterval?: Duration;
  /**
   * Part of a wait that is random, 0 to 100: with 25 a wait of 100 ms takes 75 to 100 ms.
   *
   * @default 0
   */
  readonly jitterPercent?: number;
}

const IDEMPOTENT = [HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS, HttpMethod.TRACE, HttpMethod.PUT, HttpMethod.DELETE];
const DAY = Duration.hours(24);

/**
 * What is tried again, and when. It is done by the caller's proxy, to another endpoint where there is one; the request's body is replayed.
 *
 * @see https://gateway-api.sigs.k8s.io/geps/gep-1731/
 */
export class Retry {
  /**
   * Waits `baseInterval`, doubled each time.
   *
   * @param options attempts, reasons and waits
   */
  public static exponential(options: ExponentialRetryOptions): Retry {
    return new Retry(options, options.baseInterval, options.maxInterval, options.jitterPercent ?? 0);
  }

  /**
   * The same wait each time.
   *
   * @param interval the wait between tries
   * @param options attempts and reasons
   */
  public static constant(interval: Duration, options: RetryOptions): Retry {
    return new Retry(options, interval, interval, 0);
  }

  private constructor(
    private readonly options: RetryOptions,
    private readonly first: Duration,
    private readonly longest: Duration | undefined,
    private readonly jitter: number,
  ) {}

  /** @internal */
  public _toSpec(): Spec<'retry'> {
    const { attempts, on, methods, budget } = this.options;
    const first = millisecondsOf(this.first);
    const tenfold = Number.isNaN(first) ? DAY : Duration.millis(Math.min(10 * first, DAY.toMilliseconds()));
    return {
      attempts,
      retryOn: on as unknown as Spec<'retry'>['retryOn'],
      methods: (methods ?? IDEMPOTENT) as unknown as Spec<'retry'>['methods'],
      backoff: { baseInterval: gep2257(this.first), maxInterval: gep2257(this.longest ?? tenfold), jitterPercent: this.jitter },
      budget: budget?._toSpec(),
    };
  }
}

/**
 * Bound on retries as a part of the requests, so that they do not add to an overload; counted by each calling proxy (xDS `RetryBudget`).
 *
 * @see https://gateway-api.sigs.k8s.io/geps/gep-3388/
 */
export class RetryBudget {
  /**
   * At most `percent` of the requests in flight may be retries, and always `minConcurrency`.
   *
   * @param percent 1 to 100
   * @param minConcurrency retries that may be in flight whatever the percentage says, at least 1
   */
  public static of(percent: number, minConcurrency: number): RetryBudget {
    return new RetryBudget(percent, minConcurrency);
  }

  private constructor(private readonly percent: number, private readonly minConcurrency: number) {}

  /** @internal */
  public _toSpec(): NonNullable<Spec<'retry'>['budget']> {
    return { percent: this.percent, minConcurrency: this.minConcurrency };
  }
}
