import { ERRORS, type ProxyError } from '../error';
import { encodeMessage } from '../grpc/status';
import { responseAdditions, type ResponseEdits } from '../http1/forward';
import { Body, Framing, Refuse } from '../http1/framing';
import { Head } from '../http1/head';
import { messageTooLong } from '../router/deadline-passed';
import { REPLY_BODY_TOGETHER, hasBody, writeReply, type Reply } from '../router/local-reply';
import type { RequestClient } from '../router/request-client';
import type { RequestContext } from '../router/request-context';
import { endTunnel } from '../router/tunnel';
import { Deadline, type DeadlineOwner } from '../timer';
import type { CloseReason, Destination } from '../transport';
import type { TlsSession } from '../transport/tls';
import { Dechunker } from './dechunker';
import type { Http2Downstream } from './downstream';
import { EarlyBody } from './early-body';
import { blockOverhead, forwardResponseBlock, trailerBlockOf, trailerBlockOfLines, writeChunk, writeLastChunk, writeReplyBlock } from './forward';
import type { FieldSection } from './hpack/field-section';
import { ErrorCode, FRAME_HEAD, MAX_FRAME } from './protocol';
import { SectionError, addHandshakeKey, readRequestSection } from './request-head';
import { areTrailers } from './response-head';
import { Http2Stream } from './stream';

const REFUSED: Readonly<Record<number, ProxyError>> = {
  [Refuse.BadHost]: ERRORS.badHost,
  [Refuse.Connect]: ERRORS.connectRefused,
  [SectionError.TooLarge]: ERRORS.headTooLarge,
  [SectionError.TargetTooLong]: ERRORS.targetTooLong,
};
const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');
/** A chunk of one frame, and a trailer section. */
const chunk = Buffer.allocUnsafeSlow(MAX_FRAME + 64 * 1024 + 64);
// The proxy's own answers are written as in HTTP/1.1 first; they are few.
const reply1 = new Head();

const NOBODY = undefined as unknown as Http2Downstream;
const FREE_AT_MOST = 1024;
const free: ServerStream[] = [];

/** A client's stream: a request comes and goes to the router, its answer goes out. */
export class ServerStream extends Http2Stream implements RequestClient, DeadlineOwner {
  readonly major = 2;
  readonly takesFrames = true;
  server!: Http2Downstream;
  section: FieldSection | undefined;
  private ctx: RequestContext | undefined;
  /** How the body of an answer comes that an upstream of HTTP/1.1 sends. */
  private bodyKind: number = Body.None;
  private bodyLeft = 0;
  private dechunker: Dechunker | undefined;
  /** What a client sent on a tunnel before it was one, or of a body while a filter held its request. */
  private early: EarlyBody | undefined;
  /** Bounds a client that does not take the end of its answer. */
  private readonly slow = new Deadline(this, 0);

  static take(server: Http2Downstream, id: number): ServerStream {
    const stream = free.pop() ?? new ServerStream();
    stream.server = server;
    stream.bodyKind = Body.None;
    stream.open(server, id);
    return stream;
  }

  /** Nobody has anything to do with it any more. */
  private recycle(): void {
    if (this.id !== 0 || this.ctx !== undefined) return;
    if (this.slow.set) this.server.router.deadlines.clear(this.slow);
    this.early = this.section = undefined;
    // One that waits for its next use keeps no connection from being collected.
    this.server = this.http2 = NOBODY;
    if (free.length < FREE_AT_MOST) free.push(this);
  }

  override forgotten(): number {
    const owed = super.forgotten();
    this.recycle();
    return owed;
  }

  /** What is kept of its request. */
  get requestBytes(): number {
    return (this.early?.length ?? 0) + (this.ctx?.bufferedBytes ?? 0);
  }

  get manager() { return this.server.manager; }
  get forwarding() { return this.server; }
  get peerAddress(): string { return this.server.peerAddress; }
  get peerPort(): number { return this.server.peerPort; }
  get destination(): Destination | undefined { return this.server.destination; }
  get tls(): TlsSession | undefined { return this.server.tls; }
  get tlsFailure(): string | undefined { return this.server.tlsFailure; }
  get fallbackHost(): string { return this.server.fallbackHost; }

  authorityOf(head: Head, start: number, end: number): string { return this.server.authorityOf(head, start, end); }

  // The request.

  onHead(fields: FieldSection, endStream: boolean): void {
    const { server } = this;
    const { router, manager } = server;
    this.hasHead = true;
    if (endStream) this.remoteClosed = true;
    const ctx = router.take();
    const { head, framing } = ctx;
    const refused = readRequestSection(fields, endStream, head, framing);
    if (refused === SectionError.Malformed) {
      router.giveBack(ctx);
      this.wrong();
      return;
    }
    ctx.downstream = this;
    this.ctx = ctx;
    router.now = ctx.start = router.clock.now();
    manager.stats.rqTotal++;
    manager.stats.rqActive++;
    // A tunnel's bytes are no body.
    ctx.requestComplete = endStream || framing.upgrade;
    ctx.bytesReceived = fields.size;
    if (refused === SectionError.TooLarge || refused === SectionError.TargetTooLong) {
      ctx.forgetHead();
      this.refuse(ctx, refused);
      return;
    }
    this.contentLength = endStream ? -1 : framing.length;
    if (framing.upgrade && !framing.connect && head.header('sec-websocket-key') === undefined) addHandshakeKey(fields, head, router.ids);
    ctx.keepHead();
    if (refused !== Refuse.Nothing) {
      ctx.takeLiterally();
      this.refuse(ctx, refused);
      return;
    }
    this.section = fields;
    router.start(ctx, manager.tables, 0, 0);
    // Its fields go on as they came, so they are kept as they came.
    this.section = this.ctx === ctx && ctx.held !== undefined ? fields.copy() : undefined;
  }

  private refuse(ctx: RequestContext, refused: number): void {
    this.manager.stats.cxProtocolError++;
    this.server.router.refuse(ctx, REFUSED[refused] ?? ERRORS.badRequest);
  }

  onBody(bytes: Buffer, start: number, end: number, flow: number, endStream: boolean): void {
    const { ctx, id, http2 } = this;
    if (endStream) this.remoteClosed = true;
    if (!this.counts(end - start, endStream)) {
      http2.credit(undefined, flow);
      this.wrong();
      return;
    }
    const taken = ctx === undefined || this.pass(ctx, bytes, start, end, endStream);
    if (this.id !== id || endStream) http2.credit(undefined, flow);
    else if (taken) http2.credit(this, flow);
    else this.owe(flow);
  }

  private pass(ctx: RequestContext, bytes: Buffer, start: number, end: number, endStream: boolean): boolean {
    ctx.bytesReceived += end - start;
    ctx.streamedBytes += end - start;
    if (ctx.framing.upgrade) return this.passTunnel(ctx, bytes, start, end, endStream);
    if (ctx.held === undefined) return this.passBody(ctx, bytes, start, end, endStream);
    (this.early ??= new EarlyBody()).add(bytes, start, end, endStream);
    ctx.held.complete = endStream;
    this.server.router.touch(ctx);
    return false;
  }

  sendHeld(ctx: RequestContext): void {
    // It has ended, or the next filter holds it.
    if (this.ctx !== ctx || ctx.held !== undefined) return;
    this.section = undefined;
    if (ctx.framing.upgrade || this.early === undefined) return;
    const { pieces, trailers, ended } = this.early;
    this.early = undefined;
    let taken = true, left = pieces.length;
    for (const piece of pieces) taken = this.ctx !== ctx || this.passBody(ctx, piece, 0, piece.length, --left === 0 && ended);
    if (trailers !== undefined && this.ctx === ctx) this.passTrailers(ctx, trailers);
    if (taken && this.ctx === ctx) this.payOwed();
  }

  private passBody(ctx: RequestContext, bytes: Buffer, start: number, end: number, endStream: boolean): boolean {
    const { router } = this.server;
    if (ctx.requestMeter.limit > 0 && !ctx.requestMeter.admits(bytes, start, end)) {
      messageTooLong(router, ctx);
      return true;
    }
    if (endStream) ctx.requestComplete = true;
    if (ctx.toHttp2 || ctx.framing.body === Body.Length) return router.forwardBody(ctx, bytes, start, end);
    return router.forwardBody(ctx, chunk, 0, writeChunk(bytes, start, end, endStream, chunk));
  }

  private passTunnel(ctx: RequestContext, bytes: Buffer, start: number, end: number, endStream: boolean): boolean {
    if (!ctx.tunnel) {
      (this.early ??= new EarlyBody()).add(bytes, start, end, endStream);
      return false;
    }
    const { router } = this.server;
    router.touch(ctx);
    const taken = ctx.connection === undefined || ctx.connection.sendBody(ctx, bytes, start, end);
    if (endStream) endTunnel(router, ctx, true);
    else if (!taken) this.pauseBody();
    return taken;
  }

  onTrailers(fields: FieldSection): void {
    const { ctx } = this;
    this.remoteClosed = true;
    if (!areTrailers(fields) || !this.counts(0, true) || ctx?.framing.upgrade) {
      this.wrong();
      return;
    }
    if (ctx?.held !== undefined) {
      (this.early ??= new EarlyBody()).trailers = fields.copy();
      ctx.held.complete = true;
      this.server.router.touch(ctx);
    } else if (ctx !== undefined) {
      this.passTrailers(ctx, fields);
    }
  }

  private passTrailers(ctx: RequestContext, fields: FieldSection): void {
    ctx.requestComplete = true;
    const { router } = this.server;
    if (ctx.toHttp2) {
      ctx.requestTrailers = trailerBlockOf(fields);
      ctx.requestDigest?.trailersOf(fields);
      router.forwardBody(ctx, chunk, 0, 0);
    } else {
      // A body of known length has no place for them in HTTP/1.1 (RFC 9110 §6.5); what they say of it counts all the same.
      if (ctx.framing.body === Body.Length) ctx.requestDigest?.trailersOf(fields);
      router.forwardBody(ctx, chunk, 0, ctx.framing.body === Body.Chunked ? writeLastChunk(fields, chunk, 0) : 0);
    }
  }

  pauseBody(): void {
    this.manager.stats.flowControlPaused++;
  }

  resumeBody(_ctx: RequestContext): void {
    this.payOwed();
  }

  // The answer.

  closesAfter(_ctx: RequestContext): boolean {
    return false;
  }

  /** HEADERS; what an upstream of HTTP/1.1 sends as body follows by `sendComposed`. Nothing is left in the transport's output. */
  composeHead(ctx: RequestContext, head: Head, framing: Framing, edits: ResponseEdits): number {
    this.sendHead(ctx, head, framing, edits, undefined, head.status >= 200 && framing.body === Body.None);
    if (head.status < 200 && head.status !== 101) return 0;
    this.bodyKind = head.status === 101 ? Body.Close : edits.toChunked ? Body.Chunked : framing.body;
    this.bodyLeft = framing.length;
    if (this.bodyKind === Body.Chunked) (this.dechunker ??= new Dechunker()).reset();
    return 0;
  }

  sendHead(ctx: RequestContext, head: Head, framing: Framing, edits: ResponseEdits, section: FieldSection | undefined, endStream: boolean): void {
    if (this.id === 0) return;
    const { server } = this;
    const { out } = server;
    const { rules } = ctx;
    out.reserve(head.length + blockOverhead(head) + responseAdditions(rules, edits) + 512);
    const start = out.end;
    const stop = forwardResponseBlock(head, framing, out.bytes, server.startBlock(out.bytes, start + FRAME_HEAD), rules, edits, section);
    this.count(ctx, stop - start);
    this.sendBlock(start, stop, endStream);
  }

  private count(ctx: RequestContext, bytes: number): void {
    ctx.bytesSent += bytes;
    this.manager.stats.bytesSent += bytes;
  }

  /** DATA of an upstream that speaks HTTP/2, too. */
  sendData(ctx: RequestContext, bytes: Buffer, start: number, end: number, endStream: boolean): boolean {
    this.count(ctx, end - start);
    return this.sendBytes(bytes, start, end, endStream);
  }

  sendTrailers(trailers: Buffer): void {
    this.finish(trailers);
  }

  sendComposed(ctx: RequestContext, end: number): boolean {
    return this.send(ctx, this.server.transport.output, 0, end);
  }

  /** [start, end) of a body as HTTP/1.1 frames it. */
  send(ctx: RequestContext, bytes: Uint8Array, start: number, end: number): boolean {
    const from = bytes as Buffer;
    switch (this.bodyKind) {
      case Body.Length: {
        const length = Math.min(end - start, this.bodyLeft);
        this.bodyLeft -= length;
        return length === 0 || this.sendData(ctx, from, start, start + length, this.bodyLeft === 0);
      }
      case Body.Chunked:
        this.sendChunks(ctx, from, start, end);
        return this.pendingBytes === 0;
      case Body.Close:
        return start === end || this.sendData(ctx, from, start, end, false);
      default:
        return true;
    }
  }

  private sendChunks(ctx: RequestContext, bytes: Buffer, start: number, end: number): void {
    const dechunker = this.dechunker!;
    for (let at = start; at < end && !dechunker.done;) {
      at = dechunker.next(bytes, at, end);
      if (dechunker.dataEnd > dechunker.dataStart) this.sendData(ctx, bytes, dechunker.dataStart, dechunker.dataEnd, false);
    }
    if (!dechunker.done) return;
    const lines = dechunker.trailers;
    this.finish(lines.length > 2 ? trailerBlockOfLines(lines) : undefined);
  }

  sendLastChunk(ctx: RequestContext): void {
    this.send(ctx, LAST_CHUNK, 0, LAST_CHUNK.length);
  }

  sendReply(ctx: RequestContext, reply: Reply, date: string): void {
    if (this.id === 0) return;
    const { out, transport } = this.server;
    const end = writeReply(transport.output, reply, ctx, date, false);
    const length = reply1.parseResponse(transport.output, 0, end);
    out.reserve(length + blockOverhead(reply1));
    const start = out.end;
    const stop = writeReplyBlock(reply1, out.bytes, this.server.startBlock(out.bytes, start + FRAME_HEAD));
    this.count(ctx, stop - start);
    const withBody = hasBody(reply, ctx);
    this.sendBlock(start, stop, !withBody);
    if (!withBody) return;
    const { body } = reply;
    if (body.length > REPLY_BODY_TOGETHER) this.sendData(ctx, Buffer.from(body.buffer, body.byteOffset, body.length), 0, body.length, true);
    else this.sendData(ctx, transport.output, length, end, true);
  }

  tunnelStarted(): void {
    this.manager.stats.upgradeTotal++;
    this.manager.stats.upgradeActive++;
    const { ctx, early } = this;
    if (ctx === undefined || early === undefined) return;
    this.early = undefined;
    for (const bytes of early.pieces) ctx.connection?.sendBody(ctx, bytes, 0, bytes.length);
    this.payOwed();
    if (early.ended) endTunnel(this.server.router, ctx, true);
  }

  /** The tunnel's upstream sends no more. */
  shutdown(): void {
    this.finish(undefined);
  }

  finishTunnel(): void {}

  protected onWritable(): void {
    this.ctx?.resumeAnswer();
  }

  /** RFC 9113 §8.1: the rest of the request is of no use; it is no error of the client's. */
  protected endedFirst(): void {
    if (this.ctx?.tunnel) return;
    this.server.reset(this, ErrorCode.NoError);
  }

  /** Ends the stream so that what was sent is not taken for a whole answer. */
  abort(): void {
    if (this.id !== 0) this.server.reset(this, ErrorCode.InternalError);
  }

  endCall(grpcStatus: number, message: string): boolean {
    if (this.id === 0) return true;
    this.finish(trailerBlockOfLines(Buffer.from(`grpc-status: ${grpcStatus}\r\ngrpc-message: ${encodeMessage(message)}\r\n`, 'latin1')));
    return true;
  }

  lost(_reason: CloseReason): void {
    const { ctx } = this;
    if (ctx !== undefined) this.server.router.cancel(ctx);
  }

  release(ctx: RequestContext): boolean {
    if (ctx.tunnel) this.manager.stats.upgradeActive--;
    this.ctx = undefined;
    const { streamIdleTimeout } = this.manager.config;
    if (this.id === 0) this.recycle();
    else if (streamIdleTimeout > 0 && this.pendingBytes > 0) this.server.router.deadlines.set(this.slow, streamIdleTimeout, this.server.router.now);
    return false;
  }

  next(): void {}

  onDeadline(): void {
    if (this.id !== 0) this.server.reset(this, ErrorCode.Cancel);
  }
}
