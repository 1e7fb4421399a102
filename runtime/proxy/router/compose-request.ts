import type { HeaderMutation } from '../config/types';
import { forwardRequest, forwardedRequestSize } from '../http1/forward';
import { blockOverhead, forwardRequestBlock } from '../http2/forward';
import type { RequestContext } from './request-context';

/** Bytes of a body that are kept for another connection, if the first one of HTTP/2 does not look at it. */
const KEPT_FOR_UNPROCESSED = 16 * 1024;

/** Writes what goes upstream of a request's head, in the version that its cluster speaks, where it can be sent again from. */
export function composeRequest(ctx: RequestContext, path: string | undefined, host: string | undefined, mutation: HeaderMutation | undefined): void {
  const { head, framing, ids, downstream } = ctx;
  const rules = downstream.forwarding;
  const size = forwardedRequestSize(head, rules, path, host, mutation);
  const { transportSocket } = ctx.pool!.cluster.config;
  const toHttp2 = ctx.toHttp2 = ctx.pool!.speaksHttp2;
  if (!toHttp2) {
    ctx.reserveReplay(size);
    ctx.replayEnd = forwardRequest(head, framing, ctx.replay, rules, ids, path, host, mutation);
  } else {
    ctx.reserveReplay(size + blockOverhead(head));
    const secure = transportSocket !== undefined;
    ctx.replayEnd = forwardRequestBlock(head, framing, ctx.replay, rules, ids, path, host, mutation, downstream.section, secure);
  }
  const { bufferLimit } = downstream.manager.config;
  // Over HTTP/2 an upstream may say that it did not look at a request, which then goes again, whether or not there is a retry policy.
  const kept = toHttp2 ? KEPT_FOR_UNPROCESSED : 0;
  ctx.replayLimit = Math.min(Math.max(ctx.retry?.maxReplayBytes ?? 0, kept), bufferLimit);
}
