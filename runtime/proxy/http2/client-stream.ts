import type { Host } from '../cluster/types';
import { ERRORS } from '../error';
import { isGrpc, statusInTrailers } from '../grpc/status';
import { copyBytes } from '../http1/bytes';
import { Body, Framing } from '../http1/framing';
import { Head } from '../http1/head';
import { endAnswer } from '../router/body-filtering';
import { messageTooLong } from '../router/deadline-passed';
import { writeTimeLeft } from '../router/duration';
import type { RequestContext } from '../router/request-context';
import { endTunnel, startTunnel } from '../router/tunnel';
import type { UpstreamRequest } from '../router/upstream-request';
import type { CloseReason } from '../transport';
import { Dechunker } from './dechunker';
import { trailerBlockOf, trailerBlockOfLines, writeLastChunk } from './forward';
import type { FieldSection } from './hpack/field-section';
import { ErrorCode, FRAME_HEAD } from './protocol';
import { areTrailers, readResponseSection } from './response-head';
import type { ServerStream } from './server-stream';
import { Http2Stream } from './stream';
import type { Http2Upstream } from './upstream';
import { writeAccept } from './websocket';

/** Interim (1xx) answers of one request. */
const MAX_INTERIM = 16;

// Answers' heads are read, used and forgotten within one event, so all streams share these.
const head = new Head();
const framing = new Framing();

const NOBODY = undefined as unknown as Http2Upstream;
const FREE_AT_MOST = 1024;
const free: ClientStream[] = [];

/** A stream to an upstream: a try goes, its answer comes and is passed on. */
export class ClientStream extends Http2Stream implements UpstreamRequest {
  private upstream!: Http2Upstream;
  private ctx: RequestContext | undefined;
  private status = 0;
  private interim = 0;
  /** The client speaks HTTP/1.1, and gets the body in chunks. */
  private toChunks = false;
  /** The request's body comes in chunks. */
  private dechunker: Dechunker | undefined;
  private fromChunks = false;

  static take(upstream: Http2Upstream, ctx: RequestContext): ClientStream {
    const stream = free.pop() ?? new ClientStream();
    stream.upstream = upstream;
    stream.http2 = upstream;
    stream.ctx = ctx;
    stream.status = stream.interim = 0;
    stream.toChunks = false;
    ctx.connection = stream;
    return stream;
  }

  get host(): Host { return this.upstream.host; }
  /** Before that it waits for its connection. */
  get ready(): boolean { return this.id !== 0; }
  get bufferedBytes(): number { return this.pendingBytes; }
  /** RFC 8441 §3: whether the peer takes a tunnel has to be known before. */
  get needsSettings(): boolean { return this.ctx!.framing.upgrade; }

  private get client(): ServerStream | undefined {
    const { downstream } = this.ctx!;
    return downstream.takesFrames ? downstream as ServerStream : undefined;
  }

  /** Has nothing to do with the request any more. */
  private detach(): void {
    const { ctx } = this;
    if (ctx !== undefined) ctx.connection = undefined;
    this.ctx = undefined;
    this.recycle();
  }

  private recycle(): void {
    if (this.id !== 0 || this.ctx !== undefined) return;
    // One that waits for its next use keeps no connection from being collected.
    this.upstream = this.http2 = NOBODY;
    if (free.length < FREE_AT_MOST) free.push(this);
  }

  override forgotten(): number {
    const owed = super.forgotten();
    this.recycle();
    return owed;
  }

  // The request.

  send(): void {
    const ctx = this.ctx!;
    const { upstream } = this;
    const { router } = upstream.pool;
    const isTunnel = ctx.framing.upgrade;
    if (isTunnel && !upstream.peerTakesConnect) {
      this.detach();
      router.refuse(ctx, ERRORS.upgradeRefused);
      return;
    }
    const id = upstream.nextStreamId();
    if (id === 0) {
      this.fail('reset', true);
      return;
    }
    this.open(upstream, id);
    const headEnd = ctx.ids.end;
    const hasMore = ctx.replayEnd > headEnd || !ctx.requestComplete || ctx.requestTrailers !== undefined || isTunnel;
    this.fromChunks = ctx.downstream.major === 1 && ctx.framing.body === Body.Chunked;
    if (this.fromChunks) (this.dechunker ??= new Dechunker()).reset();
    if (ctx.timeoutAt > 0) writeTimeLeft(router, ctx);
    const { out } = upstream;
    out.reserve(headEnd + FRAME_HEAD + 1);
    const start = out.end;
    const stop = copyBytes(ctx.replay, 0, headEnd, out.bytes, upstream.startBlock(out.bytes, start + FRAME_HEAD));
    this.sendBlock(start, stop, !hasMore);
    const taken = !hasMore || isTunnel || this.sendBody(ctx, ctx.replay, headEnd, ctx.replayEnd);
    ctx.upstreamTls = upstream.connection.tls;
    router.tries.sent(ctx, taken);
  }

  sendBody(ctx: RequestContext, bytes: Buffer, start: number, end: number): boolean {
    if (this.id === 0) return true;
    if (this.fromChunks) return this.sendChunks(bytes, start, end);
    const ends = ctx.requestComplete && !ctx.framing.upgrade;
    if (ends && ctx.requestTrailers !== undefined) {
      const taken = start === end || this.sendBytes(bytes, start, end, false);
      this.finish(ctx.requestTrailers);
      return taken;
    }
    if (start === end && !ends) return this.pendingBytes === 0;
    return this.sendBytes(bytes, start, end, ends);
  }

  private sendChunks(bytes: Buffer, start: number, end: number): boolean {
    const dechunker = this.dechunker!;
    for (let at = start; at < end && !dechunker.done;) {
      at = dechunker.next(bytes, at, end);
      if (dechunker.dataEnd > dechunker.dataStart) this.sendBytes(bytes, dechunker.dataStart, dechunker.dataEnd, false);
    }
    if (dechunker.done) {
      const lines = dechunker.trailers;
      this.finish(lines.length > 2 ? trailerBlockOfLines(lines) : undefined);
    }
    return this.pendingBytes === 0;
  }

  protected onWritable(): void {
    const { ctx } = this;
    if (ctx !== undefined) ctx.downstream.resumeBody(ctx);
  }

  protected endedFirst(): void {}

  shutdown(): void {
    this.finish(undefined);
  }

  // The answer.

  onHead(fields: FieldSection, endStream: boolean): void {
    const ctx = this.ctx!;
    const { upstream } = this;
    const { router } = upstream.pool;
    const forHttp1 = !ctx.downstream.takesFrames;
    const { isHead, upgrade } = ctx.framing;
    if (!readResponseSection(fields, endStream, isHead, forHttp1, head, framing)) {
      upstream.reset(this, ErrorCode.ProtocolError);
      this.fail('protocol', false);
      return;
    }
    const { status } = head;
    if (status < 200) {
      this.passInterim(ctx, fields);
      return;
    }
    this.hasHead = true;
    if (endStream) this.remoteClosed = true;
    this.status = status;
    // An answer that cannot have a body may not bring one: in HTTP/1.1 it would be the beginning of the next answer.
    this.contentLength = framing.body === Body.None ? 0 : framing.length;
    if (upgrade && status < 300) {
      this.openTunnel(ctx, fields, endStream);
      return;
    }
    if (router.answered(ctx, status, head, endStream)) {
      this.setAside(ctx, endStream);
      return;
    }
    const edits = router.edits(ctx);
    edits.close = ctx.downstream.closesAfter(ctx);
    const knowsChunks = ctx.head.minor === 1;
    const { client } = this;
    const { filtered } = ctx;
    this.toChunks = forHttp1 && framing.body === Body.Chunked && (knowsChunks || filtered !== undefined);
    edits.toChunked = this.toChunks;
    if (filtered !== undefined) filtered.mayHaveTrailers = !endStream;
    router.passesOn(ctx, status);
    if (client !== undefined) {
      client.sendHead(ctx, head, framing, edits, fields, endStream);
    } else {
      const end = ctx.downstream.composeHead(ctx, head, framing, edits);
      if (filtered?.takesChunks) this.toChunks = true;
      ctx.downstream.sendComposed(ctx, end);
    }
    if (endStream) this.complete(ctx);
  }

  private passInterim(ctx: RequestContext, fields: FieldSection): void {
    const { upstream } = this;
    if (++this.interim > MAX_INTERIM) {
      upstream.reset(this, ErrorCode.EnhanceYourCalm);
      this.fail('protocol', false);
      return;
    }
    if (ctx.head.minor !== 1) return;
    const edits = upstream.pool.router.edits(ctx);
    const { client } = this;
    if (client !== undefined) client.sendHead(ctx, head, framing, edits, fields, false);
    else ctx.downstream.sendComposed(ctx, ctx.downstream.composeHead(ctx, head, framing, edits));
  }

  /** RFC 8441 §5: 2xx opens it, where HTTP/1.1 says 101. */
  private openTunnel(ctx: RequestContext, fields: FieldSection, endStream: boolean): void {
    const { router } = this.upstream.pool;
    const edits = router.edits(ctx);
    const { client } = this;
    if (client !== undefined) {
      client.sendHead(ctx, head, framing, edits, fields, false);
    } else {
      writeAccept(head, fields, ctx.head, framing);
      ctx.downstream.sendComposed(ctx, ctx.downstream.composeHead(ctx, head, framing, edits));
    }
    startTunnel(router, ctx);
    if (endStream && this.ctx === ctx) endTunnel(router, ctx, false);
  }

  /** The answer will not be passed on, since another try follows. */
  private setAside(ctx: RequestContext, endStream: boolean): void {
    const { upstream } = this;
    const { router } = upstream.pool;
    const retryAfter = router.tries.retryAfterOf(ctx, head);
    if (endStream && this.localClosed) upstream.finished(this);
    else upstream.reset(this, ErrorCode.Cancel);
    this.detach();
    router.tries.schedule(ctx, retryAfter);
  }

  onBody(bytes: Buffer, start: number, end: number, flow: number, endStream: boolean): void {
    const { ctx, id, http2 } = this;
    if (endStream) this.remoteClosed = true;
    if (ctx === undefined) {
      http2.credit(endStream ? undefined : this, flow);
      return;
    }
    if (!this.counts(end - start, endStream)) {
      http2.credit(undefined, flow);
      this.wrong();
      return;
    }
    const taken = this.pass(ctx, bytes, start, end, endStream);
    if (endStream && this.ctx === ctx && this.id === id) this.endOfBody(ctx);
    if (this.id !== id || endStream) http2.credit(undefined, flow);
    else if (taken) http2.credit(this, flow);
    else this.pause(ctx, flow);
  }

  private pass(ctx: RequestContext, bytes: Buffer, start: number, end: number, endStream: boolean): boolean {
    const { router } = this.upstream.pool;
    router.touch(ctx);
    if (ctx.responseMeter.limit > 0 && !ctx.responseMeter.admits(bytes, start, end)) {
      messageTooLong(router, ctx);
      return true;
    }
    const { client } = this;
    const isTunnel = ctx.tunnel;
    const ends = endStream && !isTunnel;
    if (client !== undefined) return (start === end && !ends) || client.sendData(ctx, bytes, start, end, ends);
    if (!this.toChunks) return start === end || ctx.downstream.send(ctx, bytes, start, end);
    const { output } = router.transport;
    let at = 0;
    if (end > start) {
      at = output.write(`${(end - start).toString(16)}\r\n`, 0, 'latin1');
      at = copyBytes(bytes, start, end, output, at);
      output[at++] = 13;
      output[at++] = 10;
    }
    if (endStream) at = writeLastChunk(undefined, output, at);
    return at === 0 || ctx.downstream.sendComposed(ctx, at);
  }

  private endOfBody(ctx: RequestContext): void {
    if (ctx.tunnel) endTunnel(this.upstream.pool.router, ctx, false);
    else this.complete(ctx);
  }

  private pause(ctx: RequestContext, flow: number): void {
    ctx.downstream.manager.stats.flowControlPaused++;
    this.owe(flow);
  }

  resume(): void {
    this.payOwed();
  }

  onTrailers(fields: FieldSection): void {
    const { ctx } = this;
    this.remoteClosed = true;
    if (ctx === undefined) return;
    if (!areTrailers(fields) || !this.counts(0, true) || ctx.tunnel) {
      this.wrong();
      return;
    }
    if (isGrpc(ctx.head)) ctx.grpcStatus = statusInTrailers(fields);
    const { client } = this;
    if (client !== undefined) {
      client.sendTrailers(trailerBlockOf(fields));
    } else if (this.toChunks) {
      ctx.downstream.sendComposed(ctx, writeLastChunk(fields, this.upstream.transport.output, 0));
    }
    this.complete(ctx);
  }

  private complete(ctx: RequestContext): void {
    // The client may have been lost with what was just sent to it.
    if (this.ctx !== ctx) return;
    const { upstream, status } = this;
    const { router } = upstream.pool;
    router.now = router.clock.now();
    if (this.id !== 0) {
      // The rest of a request that was answered before its end is of no use.
      if (this.localClosed) upstream.finished(this);
      else upstream.reset(this, ErrorCode.NoError);
    }
    this.detach();
    router.tries.finish(ctx, status, ctx.filtered?.corrupt ? 'protocol' : undefined);
    endAnswer(router, ctx);
    upstream.pool.serveWaiting();
  }

  // The end before its time.

  abandon(): void {
    const { upstream } = this;
    if (this.id !== 0) upstream.reset(this, ErrorCode.Cancel);
    else upstream.unqueue(this);
    this.detach();
    upstream.pool.serveWaiting();
  }

  /** Both directions of the tunnel have ended. What is written goes out before END_STREAM does. */
  finishTunnel(): void {
    this.detach();
  }

  lost(reason: CloseReason, unprocessed: boolean): void {
    if (this.ctx === undefined) return;
    if (reason === 'connect_failed') this.fail('connect', false);
    else this.fail(reason, unprocessed);
  }

  /** The connection was not made in time. */
  connectTimedOut(): void {
    this.fail('connect_timeout', false);
  }

  private fail(failure: 'connect' | 'connect_timeout' | 'reset' | 'protocol', unprocessed: boolean): void {
    const ctx = this.ctx!;
    const { pool, host, failureText } = this.upstream;
    if (failureText !== undefined) ctx.transportFailure = failureText;
    this.detach();
    if (ctx.responseStarted) pool.router.brokenOff(ctx, failure === 'protocol' ? 'protocol' : 'reset');
    else if (unprocessed && pool.router.tries.replaysUnprocessed(ctx)) pool.again(ctx, host);
    else pool.router.tries.failed(ctx, failure);
    pool.serveWaiting();
  }
}
