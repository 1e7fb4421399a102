import type { BodyPlan } from '../filter/body';
import { chooseCoding } from '../filter/body/accept-encoding';
import { isCompressible, mediaType } from '../filter/body/compressor';
import { DIGEST_FIELDS, ExpectedDigest, digestField, sha256, trailerValue } from '../filter/body/digest-field';
import { Encoder, type EncoderOwner } from '../filter/body/encoder';
import type { ForwardingRules, ResponseEdits } from '../http1/forward';
import { Body, type Framing } from '../http1/framing';
import type { Head } from '../http1/head';
import { Dechunker } from '../http2/dechunker';
import type { FieldSection } from '../http2/hpack/field-section';
import type { HttpConnectionManager } from '../listener/http-connection-manager';
import type { Destination } from '../transport';
import type { TlsSession } from '../transport/tls';
import { digestsToMake, encodedEdits, isWhole, plainEdits, reframedEdits, varies, withAdded, type DigestName } from './answer-edits';
import { lastChunk, joinedChunk, withoutFields } from './chunks';
import type { Reply } from './local-reply';
import type { RequestClient } from './request-client';
import type { RequestContext } from './request-context';
import type { Router } from './router';

const NOTHING: Buffer = Buffer.alloc(0);
const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');

/** What becomes of an answer's body. */
const Mode = {
  /** It passes as it is. */
  Pass: 0,
  /** Its bytes pass as they are, its end once it has been verified. */
  Verify: 1,
  /** It goes on in chunks of our own. */
  Reframe: 2,
  /** Its data alone goes on, to a client of HTTP/1.0. */
  Plain: 3,
} as const;

/**
 * Stands in front of a request's client where filters have to do with the answer's body, which comes to it as HTTP/1.1 frames it, whatever the upstream
 * speaks, and goes on so. Without such filters there is none of it.
 *
 *     upstream ─▶ composeHead, sendComposed … ─▶ verified ─▶ encoded (in the thread pool) ─▶ digest made ─▶ client
 *
 * The end of the answer waits for what is being encoded: `mayEnd`. Of what comes at most an encoder's fill and one read are kept; then it says false,
 * and the upstream is not read until the client or the encoder have taken it.
 */
export class FilteredClient implements RequestClient, EncoderOwner {
  readonly takesFrames = false;
  private mode: number = Mode.Pass;
  /** A head that is composed once it is known whether the whole body has come with it; within one event. */
  private head: Head | undefined;
  private framing: Framing | undefined;
  private edits: ResponseEdits | undefined;
  private inChunks = false;
  private left = 0;
  private dechunker: Dechunker | undefined;
  /** Told by an upstream of HTTP/2 before `composeHead`: behind a body of known length there may be trailers. */
  mayHaveTrailers = false;
  /** Answered by `composeHead`: it takes the body in chunks, known length or not. */
  takesChunks = false;
  /** Something of the answer has gone to the client. */
  begun = false;
  /** The upstream's body has come to its end. */
  private bodyEnded = false;
  private trailers: Buffer = NOTHING;
  private expected: ExpectedDigest | undefined;
  private made: ReturnType<typeof sha256> | undefined;
  private digestNames: readonly DigestName[] = [];
  private encoder: Encoder | undefined;
  private compressor: BodyPlan['compressors'][number] | undefined;
  /** The body is not what the upstream said it is: its end does not go out. */
  corrupt = false;
  private sentEnd = false;
  private clientFull = false;
  private upstreamDone = false;
  private released = false;

  constructor(
    private readonly client: RequestClient, private readonly router: Router, private readonly ctx: RequestContext, private readonly plan: BodyPlan,
  ) {}

  get major(): 1 | 2 { return this.client.major; }
  get manager(): HttpConnectionManager { return this.client.manager; }
  get forwarding(): ForwardingRules { return this.client.forwarding; }
  get fallbackHost(): string { return this.client.fallbackHost; }
  get peerAddress(): string { return this.client.peerAddress; }
  get peerPort(): number { return this.client.peerPort; }
  get destination(): Destination | undefined { return this.client.destination; }
  get tls(): TlsSession | undefined { return this.client.tls; }
  get tlsFailure(): string | undefined { return this.client.tlsFailure; }
  get section(): FieldSection | undefined { return this.client.section; }
  authorityOf(head: Head, start: number, end: number): string { return this.client.authorityOf(head, start, end); }
  closesAfter(ctx: RequestContext): boolean { return this.client.closesAfter(ctx); }
  pauseBody(): void { this.client.pauseBody(); }
  resumeBody(ctx: RequestContext): void { this.client.resumeBody(ctx); }
  tunnelStarted(): void { this.client.tunnelStarted(); }
  shutdown(): void { this.client.shutdown(); }
  finishTunnel(): void { this.client.finishTunnel(); }
  next(): void { this.client.next(); }

  sendReply(ctx: RequestContext, reply: Reply, date: string): void {
    // Of an answer whose head was read, and whose body was none.
    this.head = undefined;
    this.client.sendReply(ctx, reply, date);
  }

  abort(): void {
    this.dispose();
    this.client.abort();
  }

  release(ctx: RequestContext): boolean {
    this.dispose();
    return this.client.release(ctx);
  }

  private dispose(): void {
    this.released = true;
    this.encoder?.destroy();
    this.encoder = undefined;
  }

  /** Bytes that wait to be encoded. */
  get bufferedBytes(): number {
    return this.encoder?.pendingBytes ?? 0;
  }

  composeHead(ctx: RequestContext, head: Head, framing: Framing, edits: ResponseEdits): number {
    this.mode = Mode.Pass;
    this.takesChunks = false;
    if (head.status < 200) return this.client.composeHead(ctx, head, framing, edits);
    this.choose(head, framing);
    this.inChunks = edits.toChunked || framing.body === Body.Chunked;
    const plain = this.inChunks && ctx.head.minor === 0;
    if (this.compressor === undefined && this.expected === undefined && this.made === undefined && !plain) {
      this.addVary(head, framing);
      return this.client.composeHead(ctx, head, framing, edits);
    }
    // What is known only from trailers would come too late behind the last byte of a length that the client was told.
    if (this.mayHaveTrailers && framing.body === Body.Length) this.inChunks = this.takesChunks = true;
    this.mayHaveTrailers = false;
    this.left = framing.body === Body.Length ? framing.length : 0;
    if (this.inChunks) this.dechunker = new Dechunker();
    if (this.inChunks && ctx.head.minor === 0) this.mode = Mode.Plain;
    else this.mode = this.compressor === undefined && this.made === undefined ? Mode.Verify : Mode.Reframe;
    this.head = head;
    this.framing = framing;
    this.edits = edits;
    return 0;
  }

  /** Which filters have to do with this answer. */
  private choose(head: Head, framing: Framing): void {
    const { ctx, plan } = this;
    const { status } = head;
    // Of a try that came no further than its head.
    this.encoder?.destroy();
    this.encoder = this.compressor = this.expected = this.made = undefined;
    const hasContent = !ctx.framing.isHead && status !== 204 && status !== 304;
    if (!hasContent || mediaType(head.header('content-type'))?.startsWith('application/grpc')) return;
    const { compressors, response } = plan;
    if (response?.verify) {
      this.expected = new ExpectedDigest();
      this.expected.expect(head.header('content-digest'));
      if (isWhole(head)) this.expected.expect(head.header('repr-digest'));
    }
    if (framing.body !== Body.None && compressors.length > 0) {
      const length = framing.body === Body.Length ? framing.length : -1;
      const able = compressors.filter(({ config }) => isCompressible(config, head, length));
      const chosen = ctx.head.minor === 1 ? chooseCoding(ctx.header('accept-encoding'), able) : -1;
      if (chosen >= 0) {
        this.encoder = Encoder.create(able[chosen].config.library, this);
        if (this.encoder !== undefined) this.compressor = able[chosen];
      }
      for (const each of compressors) {
        if (each === this.compressor) each.filter.stats.compressed++;
        else each.filter.stats.notCompressed++;
      }
    }
    this.digestNames = digestsToMake(response, head, this.compressor !== undefined);
    // In chunks alone there is a place for what is known at the end.
    if (this.digestNames.length > 0 && ctx.head.minor === 1) this.made = sha256();
  }

  /** An answer that would be compressed for another client, which caches have to know (RFC 9110 §12.5.5). */
  private addVary(head: Head, framing: Framing): void {
    const length = framing.body === Body.Length ? framing.length : -1;
    const { ctx, plan } = this;
    if (ctx.framing.isHead || !plan.compressors.some(({ config }) => isCompressible(config, head, length))) return;
    if (!varies(head)) ctx.addResponseHeader('vary', 'accept-encoding');
  }

  sendComposed(ctx: RequestContext, end: number): boolean {
    if (this.head === undefined) {
      if (this.mode === Mode.Pass) return this.client.sendComposed(ctx, end);
      return this.take(this.router.transport.output, 0, end);
    }
    // Composing the head takes the place where the body stands.
    const begun = Buffer.from(this.router.transport.output.subarray(0, end));
    return this.begin(begun);
  }

  send(ctx: RequestContext, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.mode === Mode.Pass) return this.client.send(ctx, bytes, start, end);
    return this.take(bytes as Buffer, start, end);
  }

  sendLastChunk(ctx: RequestContext): void {
    if (this.mode === Mode.Pass) this.client.sendLastChunk(ctx);
    else this.take(LAST_CHUNK, 0, LAST_CHUNK.length);
  }

  /** The head, and what has come of the body with it. What is wrong already is not begun. */
  private begin(begun: Buffer): boolean {
    const { ctx, client, compressor } = this;
    const head = this.head!, framing = this.framing!;
    let edits = this.edits!;
    this.head = this.framing = this.edits = undefined;
    const pieces = this.scan(begun, 0, begun.length);
    if (this.corrupt) return true;
    if (compressor !== undefined) {
      edits = encodedEdits(head, edits, compressor.coding, this.announced);
    } else if (this.mode === Mode.Plain) {
      edits = plainEdits(edits);
    } else if (this.takesChunks || (this.made !== undefined && !this.bodyEnded)) {
      edits = reframedEdits(edits, this.announced, client.major === 1 ? ['content-length'] : []);
    } else if (this.made !== undefined) {
      for (const piece of pieces) this.made.update(piece);
      const value = this.digestValue();
      edits = withAdded(edits, this.digestNames.flatMap((name) => [name, value]));
      this.mode = Mode.Verify;
    }
    this.begun = true;
    const sent = client.sendComposed(ctx, client.composeHead(ctx, head, framing, edits));
    if (!sent) this.fill();
    const taken = this.forward(begun, 0, begun.length, pieces);
    return sent && taken;
  }

  /** RFC 9110 §6.6.2. */
  private get announced(): string[] {
    return this.digestNames.flatMap((name) => ['trailer', name]);
  }

  /** The digests of all that has gone on. */
  private digestValue(): string {
    this.plan.response!.filter.stats.made++;
    return digestField(this.made!.digest());
  }

  /** More of the body, as HTTP/1.1 frames it. */
  private take(bytes: Buffer, start: number, end: number): boolean {
    if (this.bodyEnded || this.corrupt || this.released) return true;
    const pieces = this.scan(bytes, start, end);
    return this.corrupt || this.forward(bytes, start, end, pieces);
  }

  /** Reads [start, end): what of it is data, and whether the body has ended and is the right one. */
  private scan(bytes: Buffer, start: number, end: number): Buffer[] {
    const pieces: Buffer[] = [];
    if (this.inChunks) {
      const dechunker = this.dechunker!;
      for (let at = start; at < end && !dechunker.done;) {
        at = dechunker.next(bytes, at, end);
        if (dechunker.dataEnd > dechunker.dataStart) this.takeData(bytes, dechunker.dataStart, dechunker.dataEnd, pieces);
      }
      this.bodyEnded = dechunker.done;
      if (dechunker.done) this.trailers = dechunker.trailers;
    } else {
      const length = Math.min(end - start, this.left);
      if (length > 0) this.takeData(bytes, start, start + length, pieces);
      this.left -= length;
      this.bodyEnded = this.left === 0;
    }
    this.corrupt = this.bodyEnded && !this.verified();
    return pieces;
  }

  private forward(bytes: Buffer, start: number, end: number, pieces: readonly Buffer[]): boolean {
    if (this.encoder !== undefined) return this.encode(pieces);
    if (this.bodyEnded) this.sentEnd = true;
    if (this.mode === Mode.Verify) return start === end ? !this.clientFull : this.passOn(bytes, start, end);
    if (this.mode === Mode.Plain) {
      const data = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
      return data.length === 0 ? !this.clientFull : this.passOn(data, 0, data.length);
    }
    if (pieces.length === 0 && !this.bodyEnded) return !this.clientFull;
    return this.emit(pieces, this.bodyEnded);
  }

  private takeData(bytes: Buffer, start: number, end: number, pieces: Buffer[]): void {
    this.expected?.update(bytes, start, end);
    // What is encoded later is read out of the shared buffer now.
    if (this.mode !== Mode.Verify) pieces.push(this.encoder === undefined ? bytes.subarray(start, end) : Buffer.from(bytes.subarray(start, end)));
  }

  private verified(): boolean {
    const { expected } = this;
    if (expected === undefined) return true;
    if (this.trailers.length > 2) {
      expected.expect(trailerValue(this.trailers, 'content-digest'));
      if (this.ctx.status === 200) expected.expect(trailerValue(this.trailers, 'repr-digest'));
    }
    const { stats } = this.plan.response!.filter;
    if (!expected.matches()) {
      stats.responseMismatch++;
      return false;
    }
    if (expected.isAsked) stats.verified++;
    return true;
  }

  private encode(pieces: readonly Buffer[]): boolean {
    const encoder = this.encoder!;
    for (const piece of pieces) {
      this.compressor!.filter.stats.totalUncompressedBytes += piece.length;
      encoder.write(piece);
    }
    if (this.bodyEnded) encoder.end();
    return !encoder.full;
  }

  /** Chunks of ours, and the last one with the trailers. */
  private emit(pieces: readonly Buffer[], isLast: boolean): boolean {
    const { made } = this;
    if (made !== undefined) for (const piece of pieces) made.update(piece);
    const end = isLast ? this.lastChunk() : NOTHING;
    const framed = joinedChunk(pieces, end);
    return this.passOn(framed, 0, framed.length);
  }

  private lastChunk(): Buffer {
    let lines = this.trailers;
    if (lines.length > 2 && (this.compressor !== undefined || this.made !== undefined)) {
      lines = withoutFields(lines, this.compressor !== undefined ? DIGEST_FIELDS : this.digestNames);
    }
    if (this.made === undefined) return lastChunk(lines, []);
    const value = this.digestValue();
    return lastChunk(lines, this.digestNames.map((name) => `${name}: ${value}\r\n`));
  }

  private passOn(bytes: Buffer, start: number, end: number): boolean {
    const taken = this.client.send(this.ctx, bytes, start, end);
    if (!taken) this.fill();
    return taken;
  }

  /** The client takes no more for now. */
  private fill(): void {
    this.clientFull = true;
    this.encoder?.pause();
  }

  /** The client takes more. */
  resume(): void {
    this.clientFull = false;
    if (this.mode !== Mode.Pass) this.router.touch(this.ctx);
    const { encoder } = this;
    if (encoder !== undefined) {
      encoder.resume();
      if (encoder.full) return;
    }
    this.ctx.connection?.resume();
  }

  onEncoderReady(): void {
    this.router.touch(this.ctx);
    this.ctx.connection?.resume();
  }

  onEncoded(bytes: Buffer): void {
    this.compressor!.filter.stats.totalCompressedBytes += bytes.length;
    this.router.touch(this.ctx);
    this.emit([bytes], false);
  }

  onEncoderEnd(): void {
    this.sentEnd = true;
    this.emit([], true);
    if (!this.released && this.upstreamDone) this.end();
  }

  onEncoderError(): void {
    this.router.brokenOff(this.ctx, 'reset');
  }

  private end(): void {
    const { router } = this;
    router.now = router.clock.now();
    router.end(this.ctx);
  }

  /** The upstream's answer is whole. Whether its end has been handed over; else the request ends with that. */
  mayEnd(): boolean {
    if (this.mode === Mode.Pass || this.sentEnd) return true;
    this.upstreamDone = true;
    return false;
  }
}
