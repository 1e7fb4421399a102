import type { CloseReason } from '../transport';
import type { Http2Connection } from './connection';
import type { FieldSection } from './hpack/field-section';
import { ErrorCode, FRAME_HEAD, Flag, FrameType } from './protocol';

/**
 * One stream of either role: what it sends, as far as windows reach, and what it owes its peer. Objects are used again for other streams, also of other
 * connections; `id` is 0 meanwhile.
 *
 *     sendData ──▶ DATA frames in the connection's output │ beyond the windows: kept, in order, until `pump`
 *     onBody   ◀── DATA frames; their window is given back when the other side of the proxy has taken them
 *
 * What is kept of either direction is never more than a window.
 */
export abstract class Http2Stream {
  http2!: Http2Connection;
  /** 0: no stream is open. */
  id = 0;
  sendWindow = 0;
  receiveWindow = 0;
  localClosed = false;
  remoteClosed = false;
  /** The sender's head has come; what follows in HEADERS are trailers. */
  hasHead = false;
  /** Bytes that wait for windows, or for the system. */
  pendingBytes = 0;
  /** Of the body that is received; -1: not said. */
  protected contentLength = -1;
  private received = 0;
  /** Window that is given back once the other side goes on. */
  private owed = 0;
  private pending: Buffer[] | undefined;
  private trailers: Buffer | undefined;
  /** The message is complete; END_STREAM follows what is pending. */
  private ending = false;
  /** Where the last frame stands, as long as it has not gone out. */
  private lastFrame = -1;
  private lastGeneration = -1;

  /** A stream begins. */
  protected open(http2: Http2Connection, id: number): void {
    this.http2 = http2;
    this.id = id;
    this.sendWindow = http2.peerInitialWindow;
    this.receiveWindow = http2.settings.initialStreamWindow;
    this.localClosed = this.remoteClosed = this.hasHead = this.ending = false;
    this.pending = this.trailers = undefined;
    this.pendingBytes = this.owed = this.received = 0;
    this.contentLength = this.lastFrame = this.lastGeneration = -1;
    http2.opened(this);
  }

  // What goes out.

  /** The block in [start + 9, stop) of the output becomes HEADERS. */
  protected sendBlock(start: number, stop: number, endStream: boolean): void {
    const { http2 } = this;
    this.lastFrame = http2.finishBlock(this.id, start, stop, endStream ? Flag.EndStream : 0) ? start : -1;
    this.lastGeneration = http2.out.generation;
    if (endStream) this.ended();
  }

  /** Sends or keeps [start, end) of a body. False: stop producing until `onWritable`. */
  protected sendBytes(bytes: Buffer, start: number, end: number, endStream: boolean): boolean {
    if (this.id === 0 || this.localClosed || this.ending) return true;
    let at = start;
    if (this.pendingBytes === 0) {
      if (start < end) {
        at = this.emit(bytes, start, end, endStream);
        if (this.id === 0) return true;
      }
      if (at === end) {
        if (endStream && !this.localClosed) this.sendEnd();
        return true;
      }
    }
    (this.pending ??= []).push(Buffer.from(bytes.subarray(at, end)));
    this.pendingBytes += end - at;
    this.http2.buffered(end - at);
    if (endStream) this.ending = true;
    this.http2.wait(this);
    return false;
  }

  /** END_STREAM, with trailers or without, behind all that was sent. */
  protected finish(trailers: Buffer | undefined): void {
    if (this.id === 0 || this.localClosed || this.ending) return;
    this.trailers = trailers;
    if (this.pendingBytes === 0) this.sendEnd();
    else this.ending = true;
  }

  /** DATA frames as far as the windows reach. */
  private emit(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const { http2 } = this;
    const { out } = http2;
    let at = start;
    while (at < end && !http2.blocked) {
      const length = Math.min(end - at, this.sendWindow, http2.sendWindow, http2.peerMaxFrame);
      if (length <= 0) break;
      const isLast = endStream && at + length === end;
      out.head(length, FrameType.Data, isLast ? Flag.EndStream : 0, this.id);
      this.lastFrame = out.end - FRAME_HEAD;
      this.lastGeneration = out.generation;
      if (length <= 64) for (let i = 0, to = out.end; i < length; i++) out.bytes[to + i] = bytes[at + i];
      else bytes.copy(out.bytes, out.end, at, at + length);
      out.end += length;
      at += length;
      this.sendWindow -= length;
      http2.sendWindow -= length;
      if (!http2.flood.dataSent(length, end - at + length)) {
        http2.flooded('tiny_window');
        return end;
      }
      if (isLast) this.ended();
    }
    return at;
  }

  /** Windows have opened, or the system takes bytes again. False: there is still something that waits. */
  pump(): boolean {
    const { pending, http2 } = this;
    if (pending === undefined) return true;
    while (pending.length > 0) {
      const first = pending[0];
      const at = this.emit(first, 0, first.length, this.ending && this.trailers === undefined && pending.length === 1);
      if (this.id === 0 || this.localClosed) return true;
      this.pendingBytes -= at;
      http2.buffered(-at);
      if (at < first.length) {
        if (at > 0) pending[0] = first.subarray(at);
        return false;
      }
      pending.shift();
    }
    this.pending = undefined;
    if (this.ending) this.sendEnd();
    else this.onWritable();
    return true;
  }

  private sendEnd(): void {
    const { http2, trailers } = this;
    const { out } = http2;
    if (trailers !== undefined) http2.writeBlock(this.id, trailers, Flag.EndStream);
    else if (this.lastFrame >= 0 && this.lastGeneration === out.generation && out.end > 0) out.bytes[this.lastFrame + 4] |= Flag.EndStream;
    else out.head(0, FrameType.Data, Flag.EndStream, this.id);
    this.ended();
  }

  /** END_STREAM has been sent. */
  private ended(): void {
    this.dropPending();
    this.localClosed = true;
    this.ending = false;
    if (this.remoteClosed) this.http2.finished(this);
    else this.endedFirst();
  }

  private dropPending(): void {
    if (this.pendingBytes > 0) this.http2.buffered(-this.pendingBytes);
    this.pending = this.trailers = undefined;
    this.pendingBytes = 0;
  }

  /** This side has said all while the peer still sends. */
  protected abstract endedFirst(): void;
  /** What waited has gone out. */
  protected abstract onWritable(): void;

  // What comes.

  /** The header section of the message, in `fields`. */
  abstract onHead(fields: FieldSection, endStream: boolean): void;
  /** A second header section; it ends the stream. */
  abstract onTrailers(fields: FieldSection): void;
  /** DATA; `flow` bytes count against the windows. */
  abstract onBody(bytes: Buffer, start: number, end: number, flow: number, endStream: boolean): void;

  /** Counts bytes of the body. False: content-length says otherwise (RFC 9113 §8.1.1). */
  protected counts(length: number, endStream: boolean): boolean {
    this.received += length;
    const { contentLength } = this;
    return contentLength < 0 || (endStream ? this.received === contentLength : this.received <= contentLength);
  }

  /** Window that the peer gets back when whoever takes the body goes on. */
  protected owe(flow: number): void {
    this.owed += flow;
  }

  protected payOwed(): void {
    const { owed } = this;
    if (owed === 0 || this.id === 0) return;
    this.owed = 0;
    this.http2.credit(this.remoteClosed ? undefined : this, owed);
  }

  /** The connection knows the stream no more. Returns the window that nobody will read for. */
  forgotten(): number {
    const { owed } = this;
    this.dropPending();
    this.owed = 0;
    this.id = 0;
    return owed;
  }

  /** The stream is gone, by the peer's will or with the connection: it is forgotten already. `unprocessed`: the peer did not look at it. */
  abstract lost(reason: CloseReason, unprocessed: boolean): void;

  /** What the peer did to it was wrong: it is gone, with RST_STREAM. */
  protected wrong(): void {
    this.http2.streamError(this, ErrorCode.ProtocolError);
  }
}
