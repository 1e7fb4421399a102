import type { HeaderMutation } from '../config/types';
import { ERRORS } from '../error';
import { withField, withoutAcceptEncoding, type BodyFilters } from '../filter/body';
import { mediaType } from '../filter/body/compressor';
import { Body } from '../http1/framing';
import { FilteredClient } from './filtered-client';
import type { RequestContext } from './request-context';
import { RequestDigest } from './request-digest';
import type { Router } from './router';

/** What goes upstream instead, where filters have to do with the body. */
export interface FilteredRequest {
  readonly mutation: HeaderMutation | undefined;
  /** Of the body that has come; undefined: those bytes themselves. */
  readonly body: Buffer | undefined;
}

/** Puts the filters of bodies in the way of a request that is about to go upstream. Undefined: its body is wrong, and it has been refused. */
export function filterBodies(
  router: Router, ctx: RequestContext, filters: BodyFilters, mutation: HeaderMutation | undefined, bytes: Buffer, bodyStart: number, bodyEnd: number,
): FilteredRequest | undefined {
  const plan = filters.of(ctx.route.config.filters);
  if (plan === undefined || ctx.framing.upgrade || mediaType(ctx.header('content-type'))?.startsWith('application/grpc')) {
    return { mutation, body: undefined };
  }
  if (plan.compressors.length > 0 || plan.response !== undefined) {
    ctx.downstream = ctx.filtered = new FilteredClient(ctx.downstream, router, ctx, plan);
  }
  let headers = plan.removesAcceptEncoding ? withoutAcceptEncoding(mutation) : mutation;
  if (plan.request === undefined) return { mutation: headers, body: undefined };
  const toHttp2 = ctx.pool!.speaksHttp2;
  const inChunks = ctx.framing.body === Body.Chunked && !(ctx.downstream.major === 2 && toHttp2);
  const hasBody = !ctx.requestComplete || bodyEnd > bodyStart;
  const held = ctx.downstream.major === 2 && !toHttp2 && !ctx.requestComplete && ctx.framing.body === Body.Length ? ctx.framing.length : 0;
  const digest = new RequestDigest(ctx, plan.request, inChunks, hasBody && (ctx.requestComplete || inChunks || toHttp2), held);
  const whole = ctx.requestComplete;
  if (whole) digest.stated = true;
  const body = digest.take(bytes, bodyStart, bodyEnd);
  if (body === null) {
    router.refuse(ctx, ERRORS.requestDigest);
    return undefined;
  }
  if (!whole) {
    ctx.requestDigest = digest;
    for (const name of digest.fields) headers = withField(headers, 'trailer', name);
  } else if (digest.fields.length > 0) {
    const value = digest.value();
    for (const name of digest.fields) headers = withField(headers, name, value);
  }
  return { mutation: headers, body };
}

/** The request's body is not what the request says: its end does not go upstream. */
export function refuseBody(router: Router, ctx: RequestContext): void {
  if (!ctx.responseStarted) {
    router.refuse(ctx, ERRORS.requestDigest);
    return;
  }
  router.tries.abandon(ctx, 'cancelled');
  breakOff(router, ctx, ERRORS.requestDigest);
}

/** The upstream's answer is whole, and has been handed over: the request ends, once filters have let its end go. */
export function endAnswer(router: Router, ctx: RequestContext): void {
  const { filtered } = ctx;
  if (filtered === undefined) {
    router.end(ctx);
  } else if (filtered.corrupt && !filtered.begun) {
    ctx.detail = '';
    router.refuse(ctx, ERRORS.responseDigest);
  } else if (filtered.corrupt) {
    breakOff(router, ctx, ERRORS.responseDigest);
  } else if (filtered.mayEnd()) {
    router.end(ctx);
  } else if (ctx.totalDeadline.set) {
    // The upstream was in time; how slowly its client reads has its own bound.
    router.deadlines.clear(ctx.totalDeadline);
  }
}

function breakOff(router: Router, ctx: RequestContext, { flag, code }: { flag: RequestContext['flag']; code: string }): void {
  router.now = router.clock.now();
  ctx.flag = flag;
  ctx.detail = code;
  ctx.downstream.manager.stats.rqTxReset++;
  ctx.downstream.abort();
  router.end(ctx);
}
