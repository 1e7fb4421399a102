import { copyBytes } from '../http1/bytes';
import { Body, Framing, Refuse, readResponse } from '../http1/framing';
import { Head } from '../http1/head';
import { READ_OFFSET, type CloseReason } from '../transport';
import { AnswerBody } from './answer-body';
import { endAnswer } from './body-filtering';
import { DialedConnection, UpstreamDeadline } from './dialed-connection';
import { writeTimeLeft } from './duration';
import { HeadStash } from './head-stash';
import type { RequestContext } from './request-context';
import { endTunnel, startTunnel } from './tunnel';

/** Bytes of an answer's head at most; more is a protocol error, as Envoy has it. */
const MAX_RESPONSE_HEAD = 60 * 1024;
/** Interim (1xx) answers of one request. */
const MAX_INTERIM = 16;
const ESTABLISHED = Buffer.from('HTTP/1.1 200 OK\r\n\r\n', 'latin1');
// Answers' heads are read, used and forgotten within one event, so all connections share these.
const head = new Head();
const framing = new Framing();

/** A connection to a host: it reads answers and passes them on. */
export class UpstreamConnection extends DialedConnection {
  private readonly body = new AnswerBody();
  private readonly stash = new HeadStash();
  private inBody = false;
  private closeAfter = false;
  private status = 0;
  /** Any byte of an answer to the present request has come. */
  private answered = false;
  private interim = 0;

  override get bufferedBytes(): number {
    return this.stash.length + super.bufferedBytes;
  }

  onConnect(): void {
    const { router } = this.pool;
    router.deadlines.clear(this.connectDeadline);
    this.madeAt = router.clock.now();
    this.ready = true;
    const { ctx } = this;
    if (ctx === undefined) this.pool.idle(this);
    else if (ctx.framing.connect) this.openTunnel(ctx);
    else this.send(ctx);
  }

  /** CONNECT ends here: the client hears that its bytes go to the upstream, which hears of nothing but them. */
  private openTunnel(ctx: RequestContext): void {
    const { router } = this.pool;
    this.requests++;
    this.answered = true;
    ctx.upstreamTls = this.connection.tls;
    head.parseResponse(ESTABLISHED, 0, ESTABLISHED.length);
    framing.upgrade = framing.hasListed = false;
    framing.body = Body.Close;
    const sent = ctx.downstream.sendComposed(ctx, ctx.downstream.composeHead(ctx, head, framing, router.edits(ctx)));
    startTunnel(router, ctx);
    if (!sent) this.pause(ctx);
  }

  use(ctx: RequestContext): void {
    if (this.deadline.set) this.pool.router.deadlines.clear(this.deadline);
    this.ctx = ctx;
    ctx.connection = this;
    this.send(ctx);
  }

  private send(ctx: RequestContext): void {
    this.requests++;
    ctx.upstreamTls = this.connection.tls;
    this.answered = false;
    this.interim = 0;
    this.inBody = false;
    if (ctx.timeoutAt > 0) writeTimeLeft(this.pool.router, ctx);
    const taken = this.connection.writeStable(ctx.replay, ctx.replayEnd);
    if (!taken) ctx.replayLent = true;
    this.pool.router.tries.sent(ctx, taken);
  }

  onDeadline(kind: number): void {
    if (kind === UpstreamDeadline.Idle) {
      this.pool.router.now = this.pool.router.clock.now();
      if (this.expired) this.pool.cluster.stats.cxMaxDuration++;
      this.pool.forgetIdle(this);
      this.discard();
      return;
    }
    this.pool.cluster.stats.cxConnectTimeout++;
    this.fail('connect_timeout');
  }

  protected override leave(): void {
    super.leave();
    this.stash.clear();
  }

  onDrain(): void {
    const { ctx } = this;
    if (ctx !== undefined) ctx.downstream.resumeBody(ctx);
    else if (this.finishing) this.discard();
  }

  onClosed(reason: CloseReason): void {
    const { ctx } = this;
    const { failure } = this.connection;
    if (failure !== undefined && ctx !== undefined) ctx.transportFailure = this.pool.tlsFailed(this.host, failure);
    if (reason === 'connect_failed') {
      this.pool.cluster.stats.cxConnectFail++;
      this.pool.negotiation?.failed('http/1.1', false);
      this.fail('connect');
    } else if (ctx === undefined) {
      this.pool.forgetIdle(this);
      this.discard();
    } else if (ctx.tunnel) {
      this.breakOff(ctx, 'reset');
    } else {
      this.broken(ctx, reason);
    }
  }

  onEnd(): void {
    const { ctx } = this;
    if (ctx === undefined) {
      this.pool.forgetIdle(this);
      this.discard();
    } else if (ctx.tunnel) {
      endTunnel(this.pool.router, ctx, false);
    } else if (this.inBody && this.body.kind === Body.Close) {
      this.closeAfter = true;
      this.pool.router.now = this.pool.router.clock.now();
      if (this.body.toChunked) ctx.downstream.sendLastChunk(ctx);
      this.complete(ctx, false);
    } else {
      const { failure } = this.connection;
      if (failure !== undefined) ctx.transportFailure = this.pool.tlsFailed(this.host, failure);
      this.broken(ctx);
    }
  }

  /** Gone with a request under way. */
  private broken(ctx: RequestContext, reason: 'reset' | 'protocol' = 'reset'): void {
    this.pool.cluster.stats.cxDestroyWithActiveRq++;
    if (ctx.responseStarted) this.breakOff(ctx, reason);
    else this.fail(reason);
  }

  private fail(failure: 'connect' | 'connect_timeout' | 'reset' | 'protocol'): void {
    const { ctx } = this;
    // It served another request before and has said nothing to this one.
    const stale = failure === 'reset' && this.requests > 1 && !this.answered;
    if (ctx !== undefined && stale && this.pool.router.tries.replays(ctx)) {
      this.leave();
      this.connection.close();
      this.pool.replace(ctx, this);
      return;
    }
    this.discard();
    if (ctx !== undefined) this.pool.router.tries.failed(ctx, failure);
  }

  /** The answer has begun to go to the client and cannot be completed. */
  private breakOff(ctx: RequestContext, failure: 'reset' | 'protocol'): void {
    this.discard();
    this.pool.router.brokenOff(ctx, failure);
  }

  onData(length: number): void {
    const { ctx } = this;
    if (ctx === undefined) {
      // An answer nobody asked for: where the next one would begin is not known.
      this.pool.forgetIdle(this);
      this.discard();
      return;
    }
    this.answered = true;
    const start = READ_OFFSET, end = start + length;
    if (ctx.tunnel) this.relayTunnel(ctx, start, end);
    else if (this.inBody) this.readBody(ctx, start, end);
    else this.readHead(ctx, start, end);
  }

  private relayTunnel(ctx: RequestContext, start: number, end: number): void {
    const { router } = this.pool;
    router.touch(ctx);
    if (!ctx.downstream.send(ctx, router.transport.input, start, end)) this.pause(ctx);
  }

  private pause(ctx: RequestContext): void {
    ctx.downstream.manager.stats.flowControlPaused++;
    this.connection.readStop();
  }

  private readHead(ctx: RequestContext, from: number, end: number): void {
    const { router } = this.pool;
    const { input } = router.transport;
    let start = this.stash.restore(input, from, end, MAX_RESPONSE_HEAD);
    if (start < 0) return;
    for (;;) {
      const length = head.parseResponse(input, start, end);
      if (length === 0 && end - start <= MAX_RESPONSE_HEAD) {
        this.stash.keep(input, start, end);
        return;
      }
      if (length <= 0 || length > MAX_RESPONSE_HEAD || readResponse(head, framing, ctx.framing.isHead) !== Refuse.Nothing) {
        this.fail('protocol');
        return;
      }
      if (head.status >= 200) {
        this.answer(ctx, start + length, end);
        return;
      }
      if (head.status === 101) {
        if (ctx.framing.upgrade && framing.upgrade) this.upgrade(ctx, start + length, end);
        else this.fail('protocol');
        return;
      }
      // An upstream that never comes to an answer must not fill the client's connection.
      if (++this.interim > MAX_INTERIM) {
        this.fail('protocol');
        return;
      }
      // RFC 9110 §15.2: every interim answer goes on, but not to a client that cannot know them.
      if (ctx.head.minor === 1) {
        ctx.downstream.sendComposed(ctx, ctx.downstream.composeHead(ctx, head, framing, router.edits(ctx)));
        if (this.ctx !== ctx) return;
      }
      start += length;
      if (start === end) return;
    }
  }

  private upgrade(ctx: RequestContext, bodyStart: number, end: number): void {
    const { router } = this.pool;
    const { output, input } = router.transport;
    const at = copyBytes(input, bodyStart, end, output, ctx.downstream.composeHead(ctx, head, framing, router.edits(ctx)));
    // Sent before the tunnel opens: that writes what came ahead, through the same output.
    const sent = ctx.downstream.sendComposed(ctx, at);
    startTunnel(router, ctx);
    if (!sent) this.pause(ctx);
  }

  /** A final answer's head has come, and perhaps some or all of its body. */
  private answer(ctx: RequestContext, bodyStart: number, end: number): void {
    const { router } = this.pool;
    const status = (this.status = head.status);
    this.closeAfter = framing.close;
    // Filters take chunks, whatever the client knows: they have to see where the body ends, and its trailers.
    this.body.start(framing, ctx.head.minor === 1 || ctx.filtered !== undefined);
    if (router.answered(ctx, status, head, framing.body === Body.None)) {
      this.setAside(ctx, bodyStart, end);
      return;
    }
    const edits = router.edits(ctx);
    edits.toChunked = this.body.toChunked;
    edits.dropCoding = ctx.head.minor !== 1;
    edits.close = ctx.downstream.closesAfter(ctx);
    const { input, output } = router.transport;
    const at = this.body.append(input, bodyStart, end, output, ctx.downstream.composeHead(ctx, head, framing, edits));
    if (at < 0) {
      this.fail('protocol');
      return;
    }
    this.inBody = true;
    router.passesOn(ctx, status);
    const sent = ctx.downstream.sendComposed(ctx, at);
    if (this.ctx !== ctx) return;
    if (this.body.done) this.complete(ctx, this.body.stop < end);
    else if (this.body.stop < end) this.breakOff(ctx, 'protocol');
    else if (!sent) this.pause(ctx);
  }

  private readBody(ctx: RequestContext, start: number, end: number): void {
    const { router } = this.pool;
    const at = this.body.append(router.transport.input, start, end, router.transport.output, 0);
    if (at < 0) {
      this.breakOff(ctx, 'protocol');
      return;
    }
    router.touch(ctx);
    const sent = ctx.downstream.sendComposed(ctx, at);
    if (this.ctx !== ctx) return;
    if (this.body.done) this.complete(ctx, this.body.stop < end);
    else if (!sent) this.pause(ctx);
  }

  /** The answer will not be passed on, since another try follows; the connection is kept where the answer is at its end. */
  private setAside(ctx: RequestContext, bodyStart: number, end: number): void {
    const { router } = this.pool;
    const retryAfter = router.tries.retryAfterOf(ctx, head);
    const stop = this.body.read(router.transport.input, bodyStart, end);
    const whole = this.body.done && stop === end && !this.closeAfter && ctx.requestComplete;
    this.ctx = ctx.connection = undefined;
    if (whole) this.pool.idle(this);
    else this.abandon();
    router.tries.schedule(ctx, retryAfter);
  }

  private complete(ctx: RequestContext, leftover: boolean): void {
    const { router } = this.pool;
    const reusable = !this.closeAfter && !leftover && ctx.requestComplete;
    this.ctx = ctx.connection = undefined;
    router.tries.finish(ctx, this.status, ctx.filtered?.corrupt ? 'protocol' : undefined);
    if (reusable) this.pool.idle(this);
    else this.discard();
    endAnswer(router, ctx);
  }
}
