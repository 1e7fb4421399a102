import { Body } from '../http1/framing';
import { READ_OFFSET, READ_SIZE, type CloseReason, type Connection, type ConnectionHandler } from '../transport';
import type { Http2Connection } from './connection';
import { Dechunker } from './dechunker';
import type { FieldSection } from './hpack/field-section';
import { trailerBlock } from './message-encoder';
import { HeadFacts, HeadResult, areTrailers, writeLastChunk } from './message-head';
import { ErrorCode, Flag, FrameType } from './protocol';

/**
 * One stream after the other, seen from the HTTP/1.1 engine as a connection: what it writes, an HTTP/1.1 message, leaves as frames; frames that come
 * are read into an HTTP/1.1 message and told as `onData`. So a stream runs through the same phases as a request of HTTP/1.1, under the same policies.
 *
 *     engine ── write / flush ──▶ head → HEADERS │ body → DATA, as far as windows reach; the rest waits ──▶ frames
 *     engine ◀── onData ───────── head ◀ HEADERS │ body ◀ DATA; its window is given back when the engine takes it ◀── frames
 *
 * Between two streams (`id` 0) it rests, as a connection that is kept alive.
 */
export abstract class Http2Stream implements Connection {
  handler!: ConnectionHandler;
  /** 0: no stream is open. */
  id = 0;
  closed = false;
  sendWindow = 0;
  receiveWindow = 0;
  localClosed = false;
  remoteClosed = false;
  protected readonly facts = new HeadFacts();
  /** The sender's head has come; what follows in HEADERS are trailers. */
  hasHead = false;

  // What the engine writes.
  private inBody = false;
  private bodyKind: number = Body.None;
  private bodyLeft = 0;
  private readonly dechunker = new Dechunker();
  private pending: Buffer | undefined;
  private trailers: Buffer | undefined;
  /** The message is complete; END_STREAM follows what is pending. */
  private ending = false;
  /** Where the last DATA frame stands, as long as it has not gone out. */
  private lastData = -1;
  private lastGeneration = -1;

  // What comes from the peer.
  private reading = true;
  private inbox: Buffer[] | undefined;
  /** Window that is given back once the engine reads again. */
  private owed = 0;
  private shutDown = false;
  private losing = false;
  private received = 0;

  constructor(readonly http2: Http2Connection) {}

  get peerAddress(): string { return this.http2.connection.peerAddress; }
  get peerPort(): number { return this.http2.connection.peerPort; }
  /** What was read and nobody took yet. */
  get keptBytes(): number { return this.inbox === undefined ? 0 : this.inbox.reduce((sum, { length }) => sum + length, 0); }

  get pendingBytes(): number { return this.pending === undefined ? 0 : this.pending.length; }

  /** A stream begins. */
  protected open(id: number): void {
    this.id = id;
    this.sendWindow = this.http2.peerInitialWindow;
    this.receiveWindow = this.http2.settings.initialStreamWindow;
    this.localClosed = this.remoteClosed = this.hasHead = this.inBody = this.ending = false;
    this.pending = this.trailers = this.inbox = undefined;
    this.lastData = this.lastGeneration = -1;
    this.owed = this.received = 0;
    this.reading = true;
    this.dechunker.reset();
    this.http2.opened(this);
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    return this.take(bytes as Buffer, start, end);
  }

  writeStable(bytes: Buffer, end: number): boolean {
    return this.take(bytes, 0, end);
  }

  flush(end: number): boolean {
    return this.take(this.http2.transport.output, 0, end);
  }

  private take(bytes: Buffer, start: number, end: number): boolean {
    if (this.closed || this.losing) return true;
    if (this.ending) {
      // Another message, though the last one has not gone out: its answer came before its end.
      this.http2.reset(this, ErrorCode.NoError);
      this.pending = undefined;
      this.ending = this.inBody = false;
    }
    let at = start;
    while (at < end && !this.closed && !this.losing) {
      if (!this.inBody) {
        at = this.takeHead(bytes, at, end);
      } else if (this.bodyKind === Body.Chunked) {
        const { dechunker } = this;
        at = dechunker.next(bytes, at, end);
        if (dechunker.dataEnd > dechunker.dataStart) this.sendData(bytes, dechunker.dataStart, dechunker.dataEnd);
        if (dechunker.done) {
          const lines = dechunker.trailers;
          if (lines.length > 2) this.trailers = trailerBlock(lines);
          this.finish();
        }
      } else {
        const length = Math.min(end - at, this.bodyLeft);
        this.bodyLeft -= length;
        this.sendData(bytes, at, at + length);
        at += length;
        if (this.bodyLeft === 0) this.finish();
      }
      if (this.localClosed || this.ending) break;
    }
    return this.pending === undefined;
  }

  /** Encodes the head at `at`; returns where the body begins. */
  protected abstract takeHead(bytes: Buffer, at: number, end: number): number;

  /** A final head has been sent, without END_STREAM. */
  protected startBody(kind: number, length: number): void {
    this.inBody = true;
    this.bodyKind = kind;
    this.bodyLeft = length;
  }

  private sendData(bytes: Buffer, start: number, end: number): void {
    if (this.closed || this.localClosed) return;
    if (this.pending !== undefined) {
      this.pending = Buffer.concat([this.pending, bytes.subarray(start, end)]);
      return;
    }
    const at = this.emit(bytes, start, end);
    if (at < end && !this.closed) {
      this.pending = Buffer.from(bytes.subarray(at, end));
      this.http2.wait(this);
    }
  }

  /** DATA frames as far as the windows reach. */
  private emit(bytes: Buffer, start: number, end: number): number {
    const { http2 } = this;
    let at = start;
    while (at < end && !http2.blocked) {
      const length = Math.min(end - at, this.sendWindow, http2.sendWindow, http2.peerMaxFrame);
      if (length <= 0) break;
      const { out } = http2;
      out.head(length, FrameType.Data, 0, this.id);
      this.lastData = out.end - 9;
      this.lastGeneration = out.generation;
      bytes.copy(out.bytes, out.end, at, at + length);
      out.end += length;
      at += length;
      this.sendWindow -= length;
      http2.sendWindow -= length;
      if (!http2.flood.dataSent(length, end - at + length)) {
        http2.fail(ErrorCode.EnhanceYourCalm);
        return end;
      }
    }
    return at;
  }

  /** Windows have opened, or the system takes bytes again. False: there is still something that waits. */
  pump(): boolean {
    const { pending } = this;
    if (pending === undefined) return true;
    const at = this.emit(pending, 0, pending.length);
    if (this.closed) return true;
    if (at < pending.length) {
      if (at > 0) this.pending = pending.subarray(at);
      return false;
    }
    this.pending = undefined;
    if (this.ending) this.sendEnd();
    this.handler.onDrain();
    return true;
  }

  protected finish(): void {
    if (this.closed || this.localClosed) return;
    if (this.pending === undefined) this.sendEnd();
    else this.ending = true;
  }

  private sendEnd(): void {
    const { http2, trailers } = this;
    const { out } = http2;
    if (trailers !== undefined) http2.writeBlock(this.id, trailers, Flag.EndStream);
    else if (this.lastData >= 0 && this.lastGeneration === out.generation && out.end > 0) out.bytes[this.lastData + 4] |= Flag.EndStream;
    else out.head(0, FrameType.Data, Flag.EndStream, this.id);
    this.ended();
  }

  /** END_STREAM has been sent. */
  protected ended(): void {
    this.localClosed = true;
    this.inBody = false;
    this.ending = false;
    if (this.remoteClosed) this.http2.finished(this);
    else this.endedFirst();
  }

  /** This side has said all while the peer still sends. */
  protected abstract endedFirst(): void;

  /** The header section of the message, in `fields`. */
  abstract onHead(fields: FieldSection, endStream: boolean): void;

  /** A second header section. */
  onTrailers(fields: FieldSection): void {
    this.remoteClosed = true;
    const { input } = this.http2.transport;
    if (this.facts.contentLength >= 0 && this.received !== this.facts.contentLength) {
      this.http2.streamError(this, ErrorCode.ProtocolError);
      return;
    }
    if (!this.facts.chunked) {
      if (!areTrailers(fields)) this.http2.streamError(this, ErrorCode.ProtocolError);
      else if (this.localClosed) this.http2.finished(this);
      return;
    }
    const end = writeLastChunk(fields, input, READ_OFFSET, READ_OFFSET + READ_SIZE);
    if (end < 0) {
      this.http2.streamError(this, end === HeadResult.TooLarge ? ErrorCode.EnhanceYourCalm : ErrorCode.ProtocolError);
      return;
    }
    if (this.localClosed) this.http2.finished(this);
    this.deliver(end - READ_OFFSET);
  }

  /** DATA; `flow` bytes count against the windows. */
  onBody(bytes: Buffer, start: number, end: number, flow: number, endStream: boolean): void {
    const { http2, facts } = this;
    const { input } = http2.transport;
    const { id } = this;
    this.received += end - start;
    if (facts.contentLength >= 0 && (this.received > facts.contentLength || (endStream && this.received < facts.contentLength))) {
      http2.credit(undefined, flow);
      http2.streamError(this, ErrorCode.ProtocolError);
      return;
    }
    let at = READ_OFFSET;
    if (facts.chunked) {
      if (end > start) {
        at += input.write(`${(end - start).toString(16)}\r\n`, at, 'latin1');
        at += bytes.copy(input, at, start, end);
        input[at++] = 13;
        input[at++] = 10;
      }
      if (endStream) at = writeLastChunk(undefined, input, at, input.length);
    } else {
      at += bytes.copy(input, at, start, end);
    }
    if (endStream) {
      this.remoteClosed = true;
      if (this.localClosed) http2.finished(this);
    }
    if (at > READ_OFFSET) this.deliver(at - READ_OFFSET);
    if (this.id !== id || this.closed || endStream) http2.credit(undefined, flow);
    else if (this.reading) http2.credit(this, flow);
    else this.owed += flow;
  }

  /** Tells the engine of `length` bytes in the input; what it does not want to read yet is kept, at most a window. */
  protected deliver(length: number): void {
    if (this.closed) return;
    if (this.reading && this.inbox === undefined) {
      this.handler.onData(length);
      return;
    }
    (this.inbox ??= []).push(Buffer.from(this.http2.transport.input.subarray(READ_OFFSET, READ_OFFSET + length)));
  }

  readStop(): void {
    this.reading = false;
  }

  readStart(): void {
    if (this.reading || this.closed) return;
    this.reading = true;
    if (this.inbox !== undefined || this.owed > 0) this.http2.later(this);
  }

  /** What was kept goes to the engine, outside of any other read. */
  deliverKept(): void {
    const { inbox, http2 } = this;
    if (this.losing) {
      this.lost('reset');
      return;
    }
    while (inbox !== undefined && inbox.length > 0 && this.reading && !this.closed && this.inbox === inbox) {
      const bytes = inbox.shift()!;
      bytes.copy(http2.transport.input, READ_OFFSET);
      if (inbox.length === 0) this.inbox = undefined;
      this.handler.onData(bytes.length);
    }
    if (this.shutDown && !this.closed) {
      this.handler.onEnd();
      return;
    }
    if (this.owed > 0 && this.reading && this.inbox === undefined) {
      const { owed } = this;
      this.owed = 0;
      http2.credit(this.closed || this.id === 0 || this.remoteClosed ? undefined : this, owed);
    }
  }

  /** Window that nobody will read for any more. */
  takeOwed(): number {
    const { owed } = this;
    this.owed = 0;
    this.inbox = undefined;
    return owed;
  }

  /** The engine says no more after this stream, and waits for the other side, which has nothing to say either. */
  shutdown(): void {
    if (this.closed || this.id !== 0) return;
    this.shutDown = true;
    this.http2.later(this);
  }

  end(): void {
    if (this.pending === undefined || this.id === 0) this.close();
  }

  close(): void {
    if (this.closed) return;
    // A stream that is not at its end may not look as if it were.
    if (this.id !== 0 && !(this.localClosed && this.remoteClosed)) this.http2.reset(this, this.localClosed ? ErrorCode.NoError : ErrorCode.Cancel);
    this.letGo();
  }

  reset(): void {
    if (this.closed) return;
    if (this.id !== 0) this.http2.reset(this, this.abortCode);
    this.letGo();
  }

  protected abstract readonly abortCode: number;

  private letGo(): void {
    this.closed = true;
    const owed = this.takeOwed();
    if (owed > 0) this.http2.credit(undefined, owed);
    this.http2.slotClosed(this);
  }

  /** The stream is gone, by the peer's will or with the connection. */
  lost(reason: CloseReason): void {
    if (this.closed) return;
    this.letGo();
    this.handler.onClosed(reason);
  }

  /** As `lost`, once the engine's call has returned. */
  protected loseLater(): void {
    this.losing = true;
    this.http2.later(this);
  }
}
