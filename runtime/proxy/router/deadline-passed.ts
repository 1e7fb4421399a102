import { ERRORS, type ProxyError } from '../error';
import { breakOff } from './break-off';
import { RequestDeadline, type RequestContext } from './request-context';
import type { Router } from './router';

/** A deadline of the request has passed: what that means by its kind, and by how far the request has come. */
export function deadlinePassed(router: Router, ctx: RequestContext, kind: number): void {
  router.now = router.clock.now();
  const stats = ctx.pool?.cluster.stats;
  switch (kind) {
    case RequestDeadline.PerTry:
    case RequestDeadline.PerTryIdle:
      if (stats !== undefined) stats.rqPerTryTimeout++;
      if (ctx.responseStarted) {
        timedOut(router, ctx, ERRORS.perTryTimeout);
        return;
      }
      if (ctx.waitsForConnection) ctx.pool!.forget(ctx);
      ctx.connection?.abandon();
      router.tries.failed(ctx, 'per_try_timeout');
      return;
    case RequestDeadline.Duration:
      ctx.downstream.manager.stats.rqMaxDuration++;
      timedOut(router, ctx, ERRORS.maxDuration);
      return;
    case RequestDeadline.Receive:
      // An answer has begun: it may come while the request still does, and closes the connection when it ends.
      if (ctx.responseStarted) return;
      ctx.downstream.manager.stats.rqOverallTimeout++;
      timedOut(router, ctx, ERRORS.requestTimeout);
      return;
    case RequestDeadline.Hold:
      ctx.held?.timePassed();
      return;
    case RequestDeadline.Total:
      if (stats !== undefined) stats.rqTimeout++;
      ctx.downstream.manager.stats.rqTimeout++;
      timedOut(router, ctx, ERRORS.timeout);
      return;
    default:
      ctx.downstream.manager.stats.rqIdleTimeout++;
      timedOut(router, ctx, ctx.requestComplete || ctx.held?.complete ? ERRORS.responseIdle : ERRORS.requestIdle);
  }
}

function timedOut(router: Router, ctx: RequestContext, error: ProxyError): void {
  // A client that is slow is not the upstream's failure.
  const isUpstreams = error === ERRORS.timeout || error === ERRORS.perTryTimeout || (error === ERRORS.maxDuration && ctx.requestComplete);
  router.tries.abandon(ctx, isUpstreams ? 'timeout' : 'cancelled');
  if (!ctx.responseStarted) {
    router.refuse(ctx, error);
    return;
  }
  ctx.flag = error.flag;
  ctx.detail = error.code;
  breakOff(ctx, error);
  router.end(ctx);
}

/** A message of a call is too long. */
export function messageTooLong(router: Router, ctx: RequestContext): void {
  router.now = router.clock.now();
  timedOut(router, ctx, ERRORS.messageTooLarge);
}

/** The body of a request is longer than is allowed. */
export function bodyTooLong(router: Router, ctx: RequestContext): void {
  router.now = router.clock.now();
  ctx.downstream.manager.stats.rqTooLarge++;
  timedOut(router, ctx, ERRORS.bodyTooLarge);
}
