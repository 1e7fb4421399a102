import type { Host } from '../cluster/types';
import { BodyReader } from '../http1/body';
import { LF, copyBytes } from '../http1/bytes';
import { Body, Framing, Refuse, readResponse } from '../http1/framing';
import { Head } from '../http1/head';
import { Deadline, type DeadlineOwner } from '../timer';
import { READ_OFFSET, type CloseReason, type Connection, type ConnectionHandler } from '../transport';
import { endAnswer } from './body-filtering';
import type { ClusterPool } from './cluster-pool';
import { writeTimeLeft } from './duration';
import { Relay } from './relay';
import type { RequestContext } from './request-context';
import type { UpstreamRequest } from './upstream-request';

/** Bytes of an answer's head at most; more is a protocol error, as Envoy has it. */
const MAX_RESPONSE_HEAD = 60 * 1024;
/** Interim (1xx) answers of one request. */
const MAX_INTERIM = 16;
/** Milliseconds that the last bytes of a tunnel wait for its upstream to take them, where the cluster has no idle timeout. */
const LAST_BYTES_TIME = 60_000;

const UpstreamDeadline = { Connect: 0, Idle: 1 } as const;

// Answers' heads are read, used and forgotten within one event, so all connections share these.
const head = new Head();
const framing = new Framing();

/** A connection to a host: it reads answers and passes them on. */
export class UpstreamConnection implements ConnectionHandler, DeadlineOwner, UpstreamRequest {
  connection!: Connection;
  /** Requests that were sent on it. */
  requests = 0;
  /** Of the rules that its peer was judged by. */
  readonly generation: number;
  private ctx: RequestContext | undefined;
  private readonly body = new BodyReader();
  private readonly deadline: Deadline;
  private readonly connectDeadline: Deadline;
  private stash: Buffer | undefined;
  /** The connection is made. */
  ready = false;
  private inBody = false;
  /** The tunnel has ended; what was written to it still goes out. */
  private finishing = false;
  private closeAfter = false;
  private relay: number = Relay.AsIs;
  private status = 0;
  /** Any byte of an answer to the present request has come. */
  private answered = false;
  private interim = 0;
  /** Bytes of the input that belonged to the message, after `append`. */
  private stop = 0;

  constructor(private readonly pool: ClusterPool, readonly host: Host) {
    this.generation = pool.generation;
    this.deadline = new Deadline(this, UpstreamDeadline.Idle);
    this.connectDeadline = new Deadline(this, UpstreamDeadline.Connect);
  }

  connect(ctx: RequestContext): void {
    const { router } = this.pool;
    this.ctx = ctx;
    ctx.connection = this;
    this.connection = this.pool.dial(this.host, this);
    const { connectTimeout } = this.pool.cluster.config;
    if (connectTimeout > 0) router.deadlines.set(this.connectDeadline, connectTimeout, router.clock.now());
  }

  get bufferedBytes(): number {
    return (this.stash?.length ?? 0) + this.connection.pendingBytes;
  }

  onConnect(): void {
    this.pool.router.deadlines.clear(this.connectDeadline);
    this.ready = true;
    const { ctx } = this;
    if (ctx === undefined) this.pool.idle(this);
    else this.send(ctx);
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

  /** Rests in the pool. */
  rest(idleTimeout: number): void {
    if (idleTimeout > 0) this.pool.router.deadlines.set(this.deadline, idleTimeout, this.pool.router.now);
  }

  onDeadline(kind: number): void {
    if (kind === UpstreamDeadline.Idle) {
      this.pool.forgetIdle(this);
      this.discard();
      return;
    }
    this.pool.cluster.stats.cxConnectTimeout++;
    this.fail('connect_timeout');
  }

  /** Closes without a word to anybody: the request, if there is one, is no longer its business. */
  discard(): void {
    this.leave();
    this.connection.close();
    this.pool.closed();
  }

  /** As `discard`, with a reset: the upstream shall stop working on the request at once. */
  abandon(): void {
    this.leave();
    this.connection.reset();
    this.pool.closed();
  }

  private leave(): void {
    const { deadlines } = this.pool.router;
    if (this.deadline.set) deadlines.clear(this.deadline);
    if (this.connectDeadline.set) deadlines.clear(this.connectDeadline);
    this.stash = undefined;
    if (this.ctx !== undefined) this.ctx.connection = undefined;
    this.ctx = undefined;
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
      this.pool.router.tunnelEnded(ctx, false);
    } else if (this.inBody && this.body.kind === Body.Close) {
      this.closeAfter = true;
      this.pool.router.now = this.pool.router.clock.now();
      if (this.relay === Relay.ToChunked) ctx.downstream.sendLastChunk(ctx);
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
    let start = from;
    if (this.stash !== undefined) {
      const { stash } = this;
      const lf = input.indexOf(LF, from);
      start -= stash.length;
      stash.copy(input, start);
      this.stash = undefined;
      if ((lf < 0 || lf >= end) && end - start <= MAX_RESPONSE_HEAD) {
        this.keep(input, start, end);
        return;
      }
    }
    for (;;) {
      const length = head.parseResponse(input, start, end);
      if (length === 0 && end - start <= MAX_RESPONSE_HEAD) {
        this.keep(input, start, end);
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

  private keep(input: Buffer, start: number, end: number): void {
    this.stash = Buffer.from(input.subarray(start, end));
  }

  private upgrade(ctx: RequestContext, bodyStart: number, end: number): void {
    const { router } = this.pool;
    const { output, input } = router.transport;
    const at = copyBytes(input, bodyStart, end, output, ctx.downstream.composeHead(ctx, head, framing, router.edits(ctx)));
    // Sent before the tunnel opens: that writes what came ahead, through the same output.
    const sent = ctx.downstream.sendComposed(ctx, at);
    router.tunnelStarted(ctx);
    if (!sent) this.pause(ctx);
  }

  /** A final answer's head has come, and perhaps some or all of its body. */
  private answer(ctx: RequestContext, bodyStart: number, end: number): void {
    const { router } = this.pool;
    const status = (this.status = head.status);
    this.closeAfter = framing.close;
    this.body.start(framing);
    if (router.answered(ctx, status, head, framing.body === Body.None)) {
      this.setAside(ctx, bodyStart, end);
      return;
    }
    const knowsChunks = ctx.head.minor === 1;
    if (framing.body === Body.Close && knowsChunks) this.relay = Relay.ToChunked;
    else this.relay = framing.body === Body.Chunked && !knowsChunks ? Relay.FromChunked : Relay.AsIs;
    const edits = router.edits(ctx);
    edits.toChunked = this.relay === Relay.ToChunked;
    edits.dropCoding = !knowsChunks;
    edits.close = ctx.downstream.closesAfter(ctx);
    const { output } = router.transport;
    let at = ctx.downstream.composeHead(ctx, head, framing, edits);
    at = this.append(output, at, bodyStart, end);
    if (at < 0) {
      this.fail('protocol');
      return;
    }
    this.inBody = true;
    router.passesOn(ctx, status);
    const sent = ctx.downstream.sendComposed(ctx, at);
    if (this.ctx !== ctx) return;
    if (this.body.done) this.complete(ctx, this.stop < end);
    else if (this.stop < end) this.breakOff(ctx, 'protocol');
    else if (!sent) this.pause(ctx);
  }

  private readBody(ctx: RequestContext, start: number, end: number): void {
    const { router } = this.pool;
    const at = this.append(router.transport.output, 0, start, end);
    if (at < 0) {
      this.breakOff(ctx, 'protocol');
      return;
    }
    router.touch(ctx);
    const sent = ctx.downstream.sendComposed(ctx, at);
    if (this.ctx !== ctx) return;
    if (this.body.done) this.complete(ctx, this.stop < end);
    else if (!sent) this.pause(ctx);
  }

  /** Writes what belongs to the body in [start, end) behind `at`, in the form the client gets it; -1 where its framing is invalid. */
  private append(output: Buffer, at: number, start: number, end: number): number {
    const { input } = this.pool.router.transport;
    if (this.relay === Relay.FromChunked) {
      const { scanner } = this.body;
      let from = start;
      while (from < end && !scanner.done) {
        from = scanner.nextData(input, from, end);
        if (from < 0) return -1;
        at = copyBytes(input, scanner.dataStart, scanner.dataEnd, output, at);
      }
      this.stop = from;
      return at;
    }
    const stop = this.body.read(input, start, end);
    if (stop < 0) return -1;
    this.stop = stop;
    if (stop === start) return at;
    if (this.relay === Relay.AsIs) return copyBytes(input, start, stop, output, at);
    at += output.write(`${(stop - start).toString(16)}\r\n`, at, 'latin1');
    at = copyBytes(input, start, stop, output, at);
    output[at++] = 13;
    output[at++] = 10;
    return at;
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

  /** Both directions of the tunnel have ended: what is written goes out, then the connection closes. */
  finishTunnel(): void {
    this.ctx!.connection = undefined;
    this.ctx = undefined;
    this.connection.commit?.();
    if (this.connection.pendingBytes === 0) {
      this.discard();
      return;
    }
    this.finishing = true;
    // Whoever takes none of it must not keep the connection for ever, however long idle ones may stay.
    this.rest(this.pool.cluster.config.idleTimeout || LAST_BYTES_TIME);
  }

  sendBody(_ctx: RequestContext, bytes: Buffer, start: number, end: number): boolean {
    return this.connection.write(bytes, start, end);
  }

  shutdown(): void {
    this.connection.shutdown();
  }

  /** The tunnel or the body may go on. */
  resume(): void {
    this.connection.readStart();
  }
}
