import type { RequestContext } from './request-context';
import type { Router } from './router';

/** The upstream has switched protocols: from here on bytes go both ways as they come. */
export function startTunnel(router: Router, ctx: RequestContext): void {
  router.now = router.clock.now();
  ctx.tunnel = true;
  ctx.status = ctx.framing.connect ? 200 : 101;
  ctx.detail = 'via_upstream';
  ctx.responseStarted = true;
  ctx.upstreamFirstByte = router.now;
  ctx.outcome.latency = router.now - ctx.tryStart;
  // Breaker and outlier detection hear of the switch now; what the tunnel takes of the bulkhead it keeps.
  router.tries.finish(ctx, ctx.status, undefined);
  ctx.pool!.cluster.tunnelOpened(ctx.upstreamHost!);
  router.deadlines.clear(ctx.totalDeadline);
  router.deadlines.clear(ctx.perTryIdleDeadline);
  router.touch(ctx);
  ctx.downstream.tunnelStarted();
}

/** One side of a tunnel sends no more: the other hears it, and may go on until it has said so, too. */
export function endTunnel(router: Router, ctx: RequestContext, byClient: boolean): void {
  if (byClient) {
    ctx.clientEnded = true;
    ctx.connection!.shutdown();
  } else {
    ctx.upstreamEnded = true;
    ctx.downstream.shutdown();
  }
  if (!ctx.clientEnded || !ctx.upstreamEnded) return;
  router.now = router.clock.now();
  ctx.connection!.finishTunnel();
  ctx.downstream.finishTunnel();
  router.end(ctx);
}
