import type { Cluster, Host, TryOutcome } from '../cluster/types';
import { ERRORS, type ProxyError } from '../error';
import { httpStatusOf } from '../grpc/status';
import { Known, type Head } from '../http1/head';
import { backoff, parseRetryAfter, retriesError, retriesStatus } from '../retry/policy';
import type { RequestContext } from './request-context';
import type { Router } from './router';

/** Times that a try may go to another connection of its host as the one before did not look at it. */
const MAX_UNPROCESSED = 3;

type Failure = NonNullable<TryOutcome['failure']>;

const ERROR_OF: Record<Failure, ProxyError> = {
  connect: ERRORS.connectFailure,
  connect_timeout: ERRORS.connectTimeout,
  reset: ERRORS.upstreamReset,
  protocol: ERRORS.upstreamProtocol,
  per_try_timeout: ERRORS.perTryTimeout,
  timeout: ERRORS.timeout,
  cancelled: ERRORS.clientGone,
};

/**
 * The tries of one request, one after the other:
 *
 *     begin → admitted → host picked → (waits) → connected → sent → answered ──────────▶ passed on
 *       ▲        │ refused   │ none                 │ failed  │ failed    │ retriable
 *       │        ▼           ▼                      ▼         ▼           ▼
 *       │     answer of the proxy              conditions, tries left, budget, breaker ─no─▶ passed on or answer of the proxy
 *       └──────────────── backoff ◀──────────────────────────────────────┘ yes
 */
export class TryLoop {
  constructor(private readonly router: Router) {}

  begin(ctx: RequestContext): void {
    const { router } = this;
    const pool = ctx.pool!;
    const { cluster } = pool;
    ctx.isRetry = ctx.tries > 0;
    const refusal = cluster.admit(ctx.isRetry);
    if (refusal !== undefined) {
      this.refused(ctx, refusal);
      return;
    }
    ctx.admitted = true;
    ctx.admission = cluster.admission;
    const { retry } = ctx;
    const attempts = retry !== undefined && retry.avoidPreviousHosts ? Math.max(1, retry.hostSelectionAttempts) : 0;
    const host = cluster.config.discovery === 'original_dst' ? meantHost(ctx, cluster)
      : cluster.pick(ctx.hash, ctx.triedHosts, ctx.triedHosts === undefined ? 0 : attempts);
    if (host === undefined) {
      router.refuse(ctx, ERRORS.noHealthyUpstream);
      return;
    }
    ctx.tries++;
    ctx.tryStart = router.now;
    ctx.grpcStatus = -1;
    if (retry !== undefined && retry.perTryTimeout > 0 && ctx.requestComplete) {
      router.deadlines.set(ctx.perTryDeadline, retry.perTryTimeout, router.now);
    }
    if (retry !== undefined && retry.perTryIdleTimeout > 0) router.deadlines.set(ctx.perTryIdleDeadline, retry.perTryIdleTimeout, router.now);
    pool.acquire(ctx, host);
  }

  private refused(ctx: RequestContext, refusal: 'circuit_open' | 'requests_overflow' | 'no_healthy_upstream'): void {
    if (refusal === 'circuit_open') {
      const rest = ctx.pool!.cluster.breakerRetryAfter ?? 0;
      ctx.addResponseHeader('retry-after', String(Math.max(1, Math.ceil(rest / 1000))));
      this.router.refuse(ctx, ERRORS.circuitOpen);
    } else {
      this.router.refuse(ctx, refusal === 'requests_overflow' ? ERRORS.overflow : ERRORS.noHealthyUpstream);
    }
  }

  /** What there was of the request has been written. */
  sent(ctx: RequestContext, taken: boolean): void {
    if (ctx.replayEnd - ctx.ids.end > ctx.replayLimit) ctx.forgetBody();
    if (ctx.requestComplete) return;
    if (taken) ctx.downstream.resumeBody(ctx);
    else ctx.downstream.pauseBody();
  }

  /** The client's message is complete. */
  requestCompleted(ctx: RequestContext): void {
    const { retry } = ctx;
    if (retry !== undefined && retry.perTryTimeout > 0 && ctx.admitted && ctx.tries > 0) {
      this.router.deadlines.set(ctx.perTryDeadline, retry.perTryTimeout, this.router.now);
    }
  }

  /**
   * Whether a try goes out again, on a new connection, whose reused one said nothing: the upstream closed it when it was idle. RFC 9110 §9.2.2 lets
   * an idempotent request do so, once, unless the retry policy names the requests that may go twice and leaves this one out; it is still the same
   * try.
   */
  replays(ctx: RequestContext): boolean {
    if (ctx.replayedOnce || !ctx.replayable || !ctx.framing.idempotent || ctx.host === undefined || ctx.host.removed
      || !ctx.action!.mayRetry(ctx)) return false;
    ctx.replayedOnce = true;
    return true;
  }

  /**
   * Whether a try goes out again that its upstream did not look at, as it said by GOAWAY or REFUSED_STREAM: nothing can have come of it, whatever its
   * method (RFC 9113 §8.7). Bounded, since an upstream may go on to say so.
   */
  replaysUnprocessed(ctx: RequestContext): boolean {
    return ctx.replayable && ctx.host !== undefined && !ctx.host.removed && ctx.unprocessed++ < MAX_UNPROCESSED;
  }

  /** The try ended without an answer. */
  failed(ctx: RequestContext, failure: Failure): void {
    const { router } = this;
    router.now = router.clock.now();
    this.finish(ctx, 0, failure);
    const { retry } = ctx;
    const error = ERROR_OF[failure];
    if (retry !== undefined && retriesError(retry.on, error) && this.triesLeft(ctx) && this.mayRetry(ctx)) this.schedule(ctx, undefined);
    else router.refuse(ctx, error);
  }

  /**
   * Whether an answer of that status is set aside for another try. The try counts as finished then, in any case: breaker and budget have to know
   * of this failure before they are asked about the next try.
   */
  setsAside(ctx: RequestContext, status: number): boolean {
    const retry = ctx.retry!;
    const { grpcStatus } = ctx;
    if (!retriesStatus(retry.on, status) && !(grpcStatus > 0 && retry.on.grpcStatuses.has(grpcStatus))) return false;
    if (!this.triesLeft(ctx)) return false;
    this.finish(ctx, status, undefined);
    return this.mayRetry(ctx);
  }

  private triesLeft(ctx: RequestContext): boolean {
    const retry = ctx.retry!;
    if (ctx.responseStarted || !ctx.replayable || ctx.replayEnd - ctx.ids.end > retry.maxReplayBytes || !ctx.action!.mayRetry(ctx)) return false;
    if (ctx.tries <= retry.maxRetries) return true;
    if (retry.maxRetries > 0) {
      ctx.flag = 'URX';
      ctx.pool!.cluster.stats.rqRetryLimitExceeded++;
    }
    return false;
  }

  /** An open breaker would refuse the next try: the answer there is is better than that. */
  private mayRetry(ctx: RequestContext): boolean {
    const { cluster } = ctx.pool!;
    if (cluster.breakerState !== undefined && cluster.breakerState !== 'closed' && (cluster.breakerRetryAfter ?? 0) > 0) return false;
    if (cluster.mayRetry()) return true;
    cluster.stats.rqRetryOverflow++;
    return false;
  }

  schedule(ctx: RequestContext, retryAfter: number | undefined): void {
    const { clock, random } = this.router;
    const retry = ctx.retry!;
    if (retry.avoidPreviousHosts && ctx.host !== undefined) (ctx.triedHosts ??= []).push(ctx.host);
    ctx.host = undefined;
    ctx.backoff = clock.setTimer(backoff(retry, ctx.tries, random, retryAfter), () => {
      ctx.backoff = undefined;
      this.again(ctx);
    });
  }

  private again(ctx: RequestContext): void {
    const { router } = this;
    router.now = router.clock.now();
    const { cluster } = ctx.pool!;
    if (cluster.mayRetry()) {
      this.begin(ctx);
      return;
    }
    cluster.stats.rqRetryOverflow++;
    router.refuse(ctx, ERRORS.retryOverflow);
  }

  /** How long the answer asks to be left alone; undefined where the policy does not listen. */
  retryAfterOf(ctx: RequestContext, head: Head): number | undefined {
    if (ctx.retry!.rateLimitedMaxInterval <= 0) return undefined;
    const line = head.indexOf(Known.RetryAfter);
    return line < 0 ? undefined : parseRetryAfter(head.value(line), this.router.clock.wallTime());
  }

  /** The try is over, however: the cluster is told, once. */
  finish(ctx: RequestContext, status: number, failure: TryOutcome['failure']): void {
    const { deadlines } = this.router;
    if (ctx.perTryDeadline.set) deadlines.clear(ctx.perTryDeadline);
    if (ctx.perTryIdleDeadline.set && !ctx.responseStarted) deadlines.clear(ctx.perTryIdleDeadline);
    if (!ctx.admitted) return;
    ctx.admitted = false;
    const { outcome } = ctx;
    // A call of gRPC fails with 200: breaker and outlier detection count what its own status says.
    outcome.status = failure === undefined && ctx.grpcStatus > 0 ? httpStatusOf(ctx.grpcStatus) : status;
    outcome.failure = failure;
    if (failure !== undefined) outcome.latency = this.router.now - ctx.tryStart;
    const { cluster } = ctx.pool!;
    const { isRetry } = ctx;
    if (isRetry && failure === undefined && outcome.status < 500) cluster.stats.rqRetrySuccess++;
    const host: Host | undefined = ctx.started ? ctx.host : undefined;
    ctx.started = false;
    if (ctx.host !== undefined) ctx.upstreamHost = ctx.host;
    cluster.finished(host, outcome, isRetry, ctx.admission);
  }

  /** Ends a try from this side. */
  abandon(ctx: RequestContext, failure: TryOutcome['failure']): void {
    if (ctx.backoff !== undefined) {
      ctx.backoff.cancel();
      ctx.backoff = undefined;
    }
    if (ctx.waitsForConnection) ctx.pool!.forget(ctx);
    ctx.connection?.abandon();
    this.finish(ctx, 0, failure);
  }
}

/**
 * Where the client's connection was meant to go: no endpoint of the cluster. It is removed before it is used, so that its connections are for one
 * request each: nobody could say when the last one is gone.
 */
function meantHost({ downstream: { destination } }: RequestContext, cluster: Cluster): Host | undefined {
  return destination && cluster.hostOf(destination.address, destination.port, true);
}
