import type { Clock } from '../../clock';
import { ERRORS, delayed, type ProxyError } from '../error';
import { HELD, type LocalReply } from '../filter/types';
import { isGrpc, statusInHead } from '../grpc/status';
import type { Head } from '../http1/head';
import { IdSource } from '../http1/ids';
import type { HttpTables } from '../listener/tables';
import type { Observer } from '../observe/types';
import { Deadlines } from '../timer';
import type { Transport } from '../transport';
import { filterBodies, refuseBody } from './body-filtering';
import { breakOff } from './break-off';
import type { ClusterPool } from './cluster-pool';
import { composeRequest } from './compose-request';
import { bodyTooLong, deadlinePassed } from './deadline-passed';
import { boundDuration, composeTimeout, measureMessages } from './duration';
import { Edits } from './edits';
import { Held } from './held-request';
import { HttpDate } from './http-date';
import { directReply, errorReply, filterReply, redirectReply, type Reply } from './local-reply';
import { Mirror, comesInChunks } from './mirror';
import { RequestContext } from './request-context';
import { TryLoop } from './try-loop';

/** Contexts kept for coming requests. */
const FREE_AT_MOST = 1024;

export interface RouterDependencies {
  readonly clock: Clock;
  readonly random: () => number;
  readonly transport: Transport;
  readonly observer: Observer | undefined;
  /** Told of what is thrown when a deadline has passed. Throws it on by default. */
  readonly onFault?: (error: unknown) => void;
  /** Runs soon, when no bytes are being read; what was made ready by one round of events goes out together then. */
  readonly defer?: (run: () => void) => void;
}

/**
 * Takes a request whose head has been read through its fixed phases: route → filters → cluster → tries, and ends it, exactly once, whatever ended
 * it. It owns the contexts and the deadlines; connections tell it what happens, by plain calls.
 */
export class Router {
  /** Replaced as a whole by a new configuration. */
  clusters: ReadonlyMap<string, ClusterPool> = new Map();
  /** The proxy is overloaded: requests are refused. */
  shedding = false;
  /** Nothing is kept for later any more. */
  closing = false;
  /** A client's bytes are being read out of the shared buffer, so nobody else may put any there. */
  reading = false;
  /** The clock at the beginning of the present event, near enough for deadlines. */
  now = 0;
  readonly clock: Clock;
  readonly random: () => number;
  readonly transport: Transport;
  readonly defer: (run: () => void) => void;
  readonly deadlines: Deadlines;
  readonly ids: IdSource;
  readonly tries = new TryLoop(this);
  readonly httpDate: HttpDate;
  readonly observer: Observer | undefined;
  private readonly responseEdits: Edits;
  /** Requests that are copies, whose answers nobody gets. */
  readonly copies = new Set<RequestContext>();
  private readonly free: RequestContext[] = [];

  constructor({ clock, random, transport, observer, onFault, defer = setImmediate }: RouterDependencies) {
    this.defer = defer;
    this.clock = clock;
    this.random = random;
    this.transport = transport;
    this.observer = observer;
    this.deadlines = new Deadlines(clock, onFault);
    this.ids = new IdSource(random);
    this.httpDate = new HttpDate(clock);
    this.responseEdits = new Edits(this.httpDate);
  }

  take(): RequestContext {
    return this.free.pop() ?? new RequestContext(this);
  }

  giveBack(ctx: RequestContext): void {
    ctx.reset();
    if (this.free.length < FREE_AT_MOST) this.free.push(ctx);
  }

  /** The head is valid; [bodyStart, bodyEnd) of `input` is what has come of the body. */
  start(ctx: RequestContext, tables: HttpTables, bodyStart: number, bodyEnd: number): void {
    if (this.shedding) {
      ctx.downstream.manager.stats.rqOverloadClose++;
      this.refuse(ctx, ERRORS.overloaded);
      return;
    }
    const match = tables.routes.match(ctx, this.random);
    if (match === undefined) {
      this.refuse(ctx, ctx.framing.connect ? ERRORS.connectRefused : ERRORS.noRoute);
      return;
    }
    ctx.route = match;
    const { action } = match;
    if (ctx.framing.upgrade && action.kind === 'route' && !(ctx.framing.connect ? action.connect : action.websocket ?? tables.config.websocket)) {
      this.refuse(ctx, ctx.framing.connect ? ERRORS.connectRefused : ERRORS.upgradeRefused);
      return;
    }
    this.filter(ctx, tables, 0, this.transport.input, bodyStart, bodyEnd);
  }

  /** The filters from `first` on, and where all let it pass, the way upstream. [bodyStart, bodyEnd) of `bytes` is what has come of the body. */
  private filter(ctx: RequestContext, tables: HttpTables, first: number, bytes: Buffer, bodyStart: number, bodyEnd: number): void {
    const { filters } = tables;
    for (let i = first; i < filters.length; i++) {
      const reply = filters[i].onRequest(ctx);
      if (reply === undefined) continue;
      if (reply === HELD) ctx.held!.begin(tables, i, bytes, bodyStart, bodyEnd);
      else this.filterAnswers(ctx, reply);
      return;
    }
    this.forward(ctx, tables, bytes, bodyStart, bodyEnd);
  }

  private filterAnswers(ctx: RequestContext, reply: LocalReply): void {
    if (ctx.bodyTooLong) ctx.downstream.manager.stats.rqTooLarge++;
    this.answer(ctx, filterReply(ctx, reply));
  }

  /** The filter that held the request lets it go on, or has answered it. */
  proceed(ctx: RequestContext, { tables, filter, body }: Held, reply: LocalReply | undefined): void {
    this.now = this.clock.now();
    if (ctx.holdDeadline.set) this.deadlines.clear(ctx.holdDeadline);
    if (reply !== undefined) {
      this.filterAnswers(ctx, reply);
      return;
    }
    const { downstream } = ctx;
    this.filter(ctx, tables!, filter + 1, body, 0, body.length);
    downstream.sendHeld?.(ctx);
  }

  private forward(ctx: RequestContext, tables: HttpTables, bytes: Buffer, bodyStart: number, bodyEnd: number): void {
    const match = ctx.route;
    const { action } = match;
    if (action.kind === 'redirect') {
      ctx.responseMutation = match.responseHeaders(undefined);
      this.answer(ctx, redirectReply(action.statusCode, action.location(ctx)));
      return;
    }
    if (action.kind === 'direct') {
      ctx.responseMutation = match.responseHeaders(undefined);
      this.answer(ctx, directReply(ctx, action.statusCode, action.body));
      return;
    }
    const hash = action.hashPolicies.length > 0 ? action.hash(ctx, ctx.cookie) : undefined;
    const choice = action.choose(hash, this.random);
    const pool = this.clusters.get(choice.cluster);
    if (pool === undefined) {
      ctx.detail = choice.cluster;
      this.answer(ctx, errorReply(ctx, ERRORS.noCluster, choice.cluster, action.clusterNotFoundStatus));
      return;
    }
    if (pool.negotiation !== undefined && pool.negotiation.agreed === undefined) {
      const held = new Held(this, ctx, 0);
      ctx.held = held;
      held.begin(tables, tables.filters.length, bytes, bodyStart, bodyEnd);
      if (ctx.held === held) pool.negotiation.await(held);
      return;
    }
    ctx.action = action;
    ctx.choice = choice;
    ctx.hash = hash;
    ctx.pool = pool;
    pool.users++;
    ctx.retry = action.retry;
    ctx.responseMutation = match.responseHeaders(choice);
    const { setCookies } = ctx.cookie;
    for (let i = 0; i < setCookies.length; i++) ctx.addResponseHeader('set-cookie', setCookies[i]);
    const { maxDuration } = action;
    if (maxDuration !== undefined && ctx.endsAt === 0 && !boundDuration(this, ctx, maxDuration)) {
      this.refuse(ctx, ERRORS.maxDuration);
      return;
    }
    let requestHeaders = ctx.withHeaderChanges(match.requestHeaders(choice)), body: Buffer | undefined;
    if (tables.bodyFilters !== undefined) {
      const filtered = filterBodies(this, ctx, tables.bodyFilters, requestHeaders, bytes, bodyStart, bodyEnd);
      if (filtered === undefined) return;
      ({ mutation: requestHeaders, body } = filtered);
    }
    const path = match.rewritePath(ctx);
    composeRequest(ctx, path, choice.hostRewrite, requestHeaders);
    const { mirrors } = action;
    if (mirrors.length > 0 && !ctx.framing.upgrade) {
      ctx.mirror = Mirror.of(this, ctx, mirrors, path, choice.hostRewrite, ctx.withHeaderChanges(match.requestHeaders(choice)));
      if (ctx.mirror !== undefined && bodyEnd > bodyStart) this.mirrorBody(ctx, bytes, bodyStart, bodyEnd);
    }
    if (maxDuration?.grpcTimeoutMax !== undefined) composeTimeout(ctx);
    if (action.messageLimits !== undefined) measureMessages(ctx, action.messageLimits);
    if (body !== undefined) ctx.appendReplay(body, 0, body.length);
    else if (bodyEnd > bodyStart) ctx.appendReplay(bytes, bodyStart, bodyEnd);
    ctx.idleTimeout = action.idleTimeout ?? tables.config.streamIdleTimeout;
    if (ctx.idleTimeout > 0) this.deadlines.set(ctx.idleDeadline, ctx.idleTimeout, this.now);
    if (ctx.requestComplete) this.startTimeout(ctx);
    else if (tables.config.requestTimeout > 0) this.deadlines.set(ctx.receiveDeadline, tables.config.requestTimeout, this.now);
    const copies = ctx.requestComplete ? ctx.mirror : undefined;
    if (copies === undefined) {
      this.tries.begin(ctx);
      return;
    }
    ctx.mirror = undefined;
    this.tries.begin(ctx);
    copies.send(action.timeout);
  }

  private mirrorBody(ctx: RequestContext, bytes: Buffer, start: number, end: number): void {
    if (!ctx.mirror!.take(bytes, start, end, comesInChunks(ctx))) ctx.mirror = undefined;
  }

  /** The route's timeout counts from the end of the request, as Envoy's does: a slow upload is bounded by the idle timeout. */
  private startTimeout(ctx: RequestContext): void {
    const { timeout } = ctx.action!;
    if (timeout > 0) this.deadlines.set(ctx.totalDeadline, timeout, this.now);
  }

  /** More of the request's body, checked already. False: stop reading until `resumeBody`. */
  forwardBody(ctx: RequestContext, bytes: Buffer, start: number, end: number): boolean {
    if (ctx.held !== undefined) {
      this.touch(ctx);
      ctx.held.keep(bytes, start, end);
      return false;
    }
    if (ctx.bodyTooLong) {
      bodyTooLong(this, ctx);
      return true;
    }
    const changed = ctx.requestDigest === undefined ? undefined : ctx.requestDigest.take(bytes, start, end);
    if (changed === undefined) return this.sendBody(ctx, bytes, start, end);
    if (changed === null) refuseBody(this, ctx);
    return changed === null || this.sendBody(ctx, changed, 0, changed.length);
  }

  private sendBody(ctx: RequestContext, bytes: Buffer, start: number, end: number): boolean {
    this.touch(ctx);
    if (ctx.mirror !== undefined) this.mirrorBody(ctx, bytes, start, end);
    const { connection } = ctx;
    const ready = connection !== undefined && connection.ready;
    if (ctx.replayable && end > start) {
      if (!ready || ctx.replayEnd - ctx.ids.end + end - start <= ctx.replayLimit) ctx.appendReplay(bytes, start, end);
      else ctx.forgetBody();
    }
    const taken = ready && connection.sendBody(ctx, bytes, start, end);
    if (ctx.requestComplete && ctx.receiveDeadline.set) this.deadlines.clear(ctx.receiveDeadline);
    if (ctx.requestComplete && ctx.mirror !== undefined) {
      const { mirror } = ctx;
      ctx.mirror = undefined;
      mirror.send(ctx.action!.timeout);
    }
    if (ctx.requestComplete && !ctx.responseStarted) {
      this.startTimeout(ctx);
      this.tries.requestCompleted(ctx);
    }
    return taken;
  }

  /** Something moved: the stream is not idle. */
  touch(ctx: RequestContext): void {
    this.now = this.clock.now();
    if (ctx.idleTimeout > 0) this.deadlines.set(ctx.idleDeadline, ctx.idleTimeout, this.now);
    if (ctx.perTryIdleDeadline.set) this.deadlines.set(ctx.perTryIdleDeadline, ctx.retry!.perTryIdleTimeout, this.now);
  }

  /** The head of a final answer has come, and `isWhole` where nothing follows it. Whether the answer is set aside for another try. */
  answered(ctx: RequestContext, status: number, head: Head, isWhole: boolean): boolean {
    if (isWhole && isGrpc(ctx.head)) ctx.grpcStatus = statusInHead(head);
    ctx.outcome.latency = (this.now = this.clock.now()) - ctx.tryStart;
    return ctx.retry !== undefined && this.tries.setsAside(ctx, status);
  }

  /** It is passed on to the client. */
  passesOn(ctx: RequestContext, status: number): void {
    ctx.status = status;
    ctx.detail = 'via_upstream';
    ctx.responseStarted = true;
    ctx.upstreamFirstByte = this.now;
    // The head has come in time; the body has its own bounds.
    if (ctx.perTryDeadline.set) this.deadlines.clear(ctx.perTryDeadline);
  }

  edits(ctx: RequestContext): Edits {
    const edits = this.responseEdits;
    edits.mutation = ctx.responseMutation;
    edits.added = ctx.addedHeaders;
    edits.close = edits.toChunked = edits.dropCoding = false;
    return edits;
  }

  onDeadline(ctx: RequestContext, kind: number): void {
    deadlinePassed(this, ctx, kind);
  }

  /** Ends the request with an answer of the proxy's own. */
  refuse(ctx: RequestContext, error: ProxyError): void {
    this.now = this.clock.now();
    this.tries.abandon(ctx, 'cancelled');
    this.answer(ctx, errorReply(ctx, error, ctx.pool?.statName));
  }

  private answer(ctx: RequestContext, reply: Reply): void {
    ctx.status = reply.status;
    if (reply.flag !== undefined) ctx.flag = reply.flag;
    ctx.detail = reply.detail;
    if (reply.grpcStatus !== undefined) ctx.grpcStatus = reply.grpcStatus;
    ctx.responseStarted = true;
    const { downstream } = ctx;
    downstream.sendReply(ctx, reply, this.httpDate.now());
    this.end(ctx);
  }

  /** The upstream broke its answer off: so does the proxy, and in a way that cannot be taken for the end. */
  brokenOff(ctx: RequestContext, failure: 'reset' | 'protocol'): void {
    this.now = this.clock.now();
    this.tries.finish(ctx, ctx.status, failure);
    ctx.flag = failure === 'protocol' ? 'UPE' : 'UC';
    ctx.detail = ERRORS.upstreamAborted.code;
    ctx.downstream.manager.stats.rqTxReset++;
    breakOff(ctx, ERRORS.upstreamAborted);
    this.end(ctx);
  }

  /** The client went away. */
  cancel(ctx: RequestContext): void {
    this.now = this.clock.now();
    this.tries.abandon(ctx, 'cancelled');
    ctx.flag = ERRORS.clientGone.flag;
    ctx.detail = ERRORS.clientGone.code;
    ctx.downstream.manager.stats.rqRxReset++;
    this.end(ctx);
  }

  /** The end of request `ctx`, after whatever there is to send has been handed over. The last thing its caller does. */
  end(ctx: RequestContext): void {
    if (ctx.ended) return;
    ctx.ended = true;
    const { deadlines } = this;
    if (ctx.totalDeadline.set) deadlines.clear(ctx.totalDeadline);
    if (ctx.idleDeadline.set) deadlines.clear(ctx.idleDeadline);
    if (ctx.receiveDeadline.set) deadlines.clear(ctx.receiveDeadline);
    if (ctx.durationDeadline.set) deadlines.clear(ctx.durationDeadline);
    if (ctx.perTryIdleDeadline.set) deadlines.clear(ctx.perTryIdleDeadline);
    if (ctx.holdDeadline.set) deadlines.clear(ctx.holdDeadline);
    ctx.held?.abandon();
    if (ctx.delayed) ctx.flag = delayed(ctx.flag);
    ctx.end = this.now;
    const { downstream, pool } = ctx;
    const statusClass = ctx.status >= 600 ? 5 : (ctx.status / 100) | 0;
    downstream.manager.requestEnded(statusClass);
    if (pool !== undefined) {
      pool.cluster.stats.rqByClass[statusClass]++;
      if (ctx.tunnel) pool.cluster.tunnelClosed(ctx.upstreamHost!);
      pool.release();
    }
    ctx.mirror?.drop();
    if (downstream.isShadow) this.copies.delete(ctx);
    else this.observer?.requestEnded(ctx);
    const keepsConnection = downstream.release(ctx);
    this.giveBack(ctx);
    if (keepsConnection) downstream.next();
  }
}
