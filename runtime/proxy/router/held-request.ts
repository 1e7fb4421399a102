import { ERRORS } from '../error';
import type { FilterRequest, HeldRequest, LocalReply } from '../filter/types';
import type { HttpTables } from '../listener/tables';
import { boundDuration } from './duration';
import type { RequestContext } from './request-context';
import type { Router } from './router';

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * A request between two filters, as long as the first of them holds it back:
 *
 *     onRequest ─▶ HELD ─▶ (time passes, the filter is answered) ─▶ proceed ─▶ the next filter …
 *                    └──▶ the client goes away, a deadline passes, the body is too long ─▶ onGone
 *
 * Its client is not read meanwhile over HTTP/1.1; over HTTP/2 it may send what its stream's window has room for. That, and what came with the head, is kept,
 * and counts as buffered. The idle timeout and the longest duration run; the timeout of the route begins when it goes on, as all of it does upstream.
 */
export class Held implements HeldRequest {
  /** Those that the request began with. Undefined: the filter has not returned yet. */
  tables: HttpTables | undefined;
  /** Place of the filter that holds it; behind the last one: the router does, until it knows what its upstream speaks. */
  filter = 0;
  /** Of the body, as it came with the head and since; a stream of HTTP/2 keeps its own. */
  body: Buffer = NOTHING;
  /** A stream of HTTP/2 has come to its end. */
  complete = false;

  /** `time`: how long it is held, in milliseconds; 0: until `proceed`. */
  constructor(private readonly router: Router, private ctx: RequestContext | undefined, private readonly time: number) {}

  get request(): FilterRequest | undefined {
    return this.ctx;
  }

  proceed(reply?: LocalReply): void {
    const { ctx, tables } = this;
    if (ctx === undefined) return;
    if (tables === undefined) throw new Error('a filter lets a request go on by what its onRequest returns, unless that was HELD');
    this.ctx = ctx.held = undefined;
    this.router.proceed(ctx, this, reply);
  }

  /** The filter at `filter` has returned `HELD`. */
  begin(tables: HttpTables, filter: number, bytes: Buffer, bodyStart: number, bodyEnd: number): void {
    const { router, time } = this;
    const ctx = this.ctx!;
    this.tables = tables;
    this.filter = filter;
    if (bodyEnd > bodyStart) this.body = Buffer.from(bytes.subarray(bodyStart, bodyEnd));
    const { action } = ctx.route;
    const forward = action.kind === 'route' ? action : undefined;
    ctx.idleTimeout = forward?.idleTimeout ?? tables.config.streamIdleTimeout;
    if (ctx.idleTimeout > 0) router.deadlines.set(ctx.idleDeadline, ctx.idleTimeout, router.now);
    if (time > 0) router.deadlines.set(ctx.holdDeadline, time, router.now);
    const maxDuration = ctx.endsAt === 0 ? forward?.maxDuration : undefined;
    if (maxDuration !== undefined && !boundDuration(router, ctx, maxDuration)) router.refuse(ctx, ERRORS.maxDuration);
  }

  keep(bytes: Buffer, start: number, end: number): void {
    this.body = Buffer.concat([this.body, bytes.subarray(start, end)]);
  }

  /** The time that the filter asked for is over. */
  timePassed(): void {
    this.proceed(this.tables!.filters[this.filter]!.onDelayed?.(this.ctx!));
  }

  /** The request has ended. */
  abandon(): void {
    const { ctx } = this;
    if (ctx === undefined) return;
    this.ctx = ctx.held = undefined;
    this.tables?.filters[this.filter]?.onGone?.(ctx);
  }
}
