import type { MaxDurationConfig, MessageLimits } from '../config/types';
import { isGrpc } from '../grpc/status';
import { TIMEOUT_LENGTH, TIMEOUT_ROOM, parseTimeout, reserveTimeout, timeoutLine, writeTimeout } from '../grpc/timeout';
import type { RequestContext } from './request-context';
import type { Router } from './router';

/**
 * Sets the end of a request by the route's longest duration or the client's own `grpc-timeout`, which then does not go on as it is. False: the client waits
 * no more.
 */
export function boundDuration(router: Router, ctx: RequestContext, { duration, grpcTimeoutMax, grpcTimeoutOffset }: MaxDurationConfig): boolean {
  const { head } = ctx;
  let limit = duration;
  const line = grpcTimeoutMax !== undefined && isGrpc(head) ? timeoutLine(head) : -1;
  if (line >= 0) {
    const asked = parseTimeout(head.bytes, head.base + head.valueStart(line), head.base + head.valueEnd(line));
    if (asked === 0) return false;
    if (asked > 0) {
      limit = asked > grpcTimeoutOffset ? asked - grpcTimeoutOffset : asked;
      if (grpcTimeoutMax! > 0) limit = Math.min(limit, grpcTimeoutMax!);
      ctx.framing.leaveOut(line);
    }
  }
  if (limit <= 0) return true;
  ctx.endsAt = router.now + limit;
  router.deadlines.set(ctx.durationDeadline, limit, router.now);
  return true;
}

/** The composed head says how long the upstream has, where there is a bound: `writeTimeLeft` fills it in when it is sent. */
export function composeTimeout(ctx: RequestContext): void {
  if ((ctx.endsAt === 0 && !(ctx.requestComplete && ctx.action!.timeout > 0)) || !isGrpc(ctx.head)) return;
  const isBlock = ctx.toHttp2;
  ctx.reserveReplay(ctx.replayEnd + TIMEOUT_ROOM);
  ctx.timeoutAt = reserveTimeout(ctx.replay, ctx.replayEnd, isBlock);
  ctx.replayEnd = ctx.ids.end = ctx.timeoutAt + TIMEOUT_LENGTH + (isBlock ? 0 : 4);
}

/** What is left for the try that is sent now: every hop shortens it. */
export function writeTimeLeft(router: Router, ctx: RequestContext): void {
  const now = router.clock.now();
  let left = ctx.endsAt > 0 ? ctx.endsAt - now : Infinity;
  if (ctx.totalDeadline.set) left = Math.min(left, ctx.totalDeadline.due - now);
  writeTimeout(ctx.replay, ctx.timeoutAt, left);
}

/** From now on the messages of the call are measured, whichever way they go. */
export function measureMessages(ctx: RequestContext, { request, response }: MessageLimits): void {
  if (!isGrpc(ctx.head)) return;
  ctx.requestMeter.start(request);
  ctx.responseMeter.start(response);
}
