import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Decoded, HpackDecoder } from '../../proxy/http2/hpack/decoder';
import { FieldSection } from '../../proxy/http2/hpack/field-section';
import {
  DEFAULT_WINDOW, ErrorCode, Flag, FRAME_HEAD, FrameType, MAX_FRAME, MAX_WINDOW, PREFACE, Setting,
} from '../../proxy/http2/protocol';
import { GrpcCall } from './call';
import { frame, literal, settings, Status, uint32, writeHead } from './protocol';

export interface ConnectionDeps {
  readonly maxStreams: number;
  /** Serves a call, or says that nobody does. */
  accept(call: GrpcCall): boolean;
  closed(connection: Connection): void;
}

/** Bytes that a client may send before any of them is given back to it; on the connection and on a stream. */
const WINDOW = 256 * 1024;
/** Bytes of a header list, and of a header block in all its frames. */
const MAX_HEADERS = 16 * 1024;
/** Bytes of answers to PING and SETTINGS that wait for a client which asks and does not read. */
const MAX_ANSWERS = 64 * 1024;

const GREETING = Buffer.concat([
  frame(FrameType.Settings, 0, 0, settings({
    [Setting.MaxConcurrentStreams]: 100, [Setting.InitialWindowSize]: WINDOW, [Setting.MaxHeaderListSize]: MAX_HEADERS,
  })),
  frame(FrameType.WindowUpdate, 0, 0, uint32(WINDOW - DEFAULT_WINDOW)),
]);
/** `:status: 200` is entry 8 of the static table. */
const RESPONSE = Buffer.concat([Buffer.from([0x88]), literal('content-type', 'application/grpc')]);
const NOTHING = Buffer.alloc(0);
/** Used for one block after the other, by all connections. */
const fields = new FieldSection(MAX_HEADERS);

/**
 * The server's side of one connection of HTTP/2 (RFC 9113) that carries gRPC: framing, flow control, and nothing that gRPC does not use. A stream costs
 * an object and a connection a socket, where the runtime's own HTTP/2 keeps a hundred kilobytes.
 */
export class Connection {
  readonly peer: string;
  private readonly decoder = new HpackDecoder();
  private readonly calls = new Map<number, GrpcCall>();
  private rest: Buffer | undefined = undefined;
  private prefaceRead = false;
  private block: { readonly stream: number; readonly flags: number; bytes: Buffer } | undefined;
  private lastStream = 0;
  private window = DEFAULT_WINDOW;
  private initialWindow = DEFAULT_WINDOW;
  private consumed = 0;
  private gone = false;
  private draining = false;
  private pingUnanswered = false;
  private corked = false;

  constructor(private readonly socket: Socket, private readonly deps: ConnectionDeps) {
    this.peer = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.read(bytes));
    socket.on('drain', () => this.flush());
    socket.on('error', () => {});
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.onClose());
    socket.write(GREETING);
  }

  get certificate(): X509Certificate | undefined {
    return this.socket instanceof TLSSocket ? this.socket.getPeerX509Certificate() : undefined;
  }

  /** The socket takes less than it is given. */
  get congested(): boolean {
    return this.socket.writableNeedDrain;
  }

  /** No new calls; those that are open go on. Closes with the last. */
  drain(): void {
    if (this.draining || this.gone) return;
    this.draining = true;
    this.send(frame(FrameType.GoAway, 0, 0, Buffer.concat([uint32(this.lastStream), uint32(ErrorCode.NoError)])));
    if (this.calls.size === 0) this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** @returns false where the last one was not answered. */
  ping(): boolean {
    if (this.pingUnanswered) return false;
    this.pingUnanswered = true;
    this.send(frame(FrameType.Ping, 0, 0, Buffer.alloc(8)));
    return true;
  }

  /** @returns how many bytes were sent: as many as the connection's window takes, in frames of the size that every client takes. */
  data(stream: number, bytes: Buffer, most: number): number {
    const total = Math.max(0, Math.min(bytes.length, most, this.window));
    for (let from = 0; from < total; from += MAX_FRAME) {
      const size = Math.min(MAX_FRAME, total - from);
      const head = Buffer.allocUnsafe(FRAME_HEAD);
      writeHead(head, 0, size, FrameType.Data, 0, stream);
      this.send(head);
      this.send(size === bytes.length ? bytes : bytes.subarray(from, from + size));
    }
    this.window -= total;
    return total;
  }

  /** A whole frame of DATA whose head is to be written into its first bytes; false, and nothing is sent, where the window is too small for it. */
  dataFrame(stream: number, bytes: Buffer): boolean {
    const length = bytes.length - FRAME_HEAD;
    if (length > MAX_FRAME || length > this.window) return false;
    writeHead(bytes, 0, length, FrameType.Data, 0, stream);
    this.send(bytes);
    this.window -= length;
    return true;
  }

  head(stream: number): void {
    this.send(frame(FrameType.Headers, Flag.EndHeaders, stream, RESPONSE));
  }

  /** @param alone without a head before them. */
  trailers(stream: number, code: Status, message: string, alone: boolean): void {
    const text = statusMessage(message);
    const block = [literal('grpc-status', String(code)), ...message === '' ? [] : [literal('grpc-message', text)]];
    this.send(frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, stream, Buffer.concat(alone ? [RESPONSE, ...block] : block)));
  }

  forget(call: GrpcCall): void {
    this.calls.delete(call.id);
    if (this.draining && this.calls.size === 0 && !this.gone) this.socket.end();
  }

  private onClose(): void {
    this.gone = true;
    for (const call of [...this.calls.values()]) call.close();
    this.deps.closed(this);
  }

  /** All that is written in one round of events leaves in one write. */
  private send(bytes: Buffer): void {
    if (this.gone) return;
    if (!this.corked) {
      this.corked = true;
      this.socket.cork();
      process.nextTick(() => {
        this.corked = false;
        this.socket.uncork();
      });
    }
    this.socket.write(bytes);
  }

  private flush(): void {
    for (const call of [...this.calls.values()]) call.flush();
  }

  private fail(code: number): void {
    this.send(frame(FrameType.GoAway, 0, 0, Buffer.concat([uint32(this.lastStream), uint32(code)])));
    this.socket.end();
    this.onClose();
  }

  private read(bytes: Buffer): void {
    let all = this.rest ? Buffer.concat([this.rest, bytes]) : bytes;
    this.rest = undefined;
    if (!this.prefaceRead) {
      if (!all.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, all.length))) return this.fail(ErrorCode.ProtocolError);
      if (all.length < PREFACE.length) {
        this.rest = Buffer.from(all);
        return;
      }
      this.prefaceRead = true;
      all = all.subarray(PREFACE.length);
    }
    let at = 0;
    while (all.length - at >= FRAME_HEAD && !this.gone) {
      const length = all.readUIntBE(at, 3);
      if (length > MAX_FRAME) return this.fail(ErrorCode.FrameSizeError);
      const start = at + FRAME_HEAD;
      if (all.length < start + length) break;
      const code = this.onFrame(all[at + 3], all[at + 4], all.readUInt32BE(at + 5) & MAX_WINDOW, all.subarray(start, start + length));
      if (code !== ErrorCode.NoError) return this.fail(code);
      at = start + length;
    }
    // What is kept is copied: the socket's buffer is large, and lives as long as a piece of it.
    if (at < all.length && !this.gone) this.rest = Buffer.from(all.subarray(at));
  }

  private onFrame(type: number, flags: number, stream: number, payload: Buffer): number {
    if (this.block && (type !== FrameType.Continuation || stream !== this.block.stream)) return ErrorCode.ProtocolError;
    switch (type) {
      case FrameType.Data: return this.onData(flags, stream, payload);
      case FrameType.Headers: return this.onHeaders(flags, stream, payload);
      case FrameType.Continuation: return this.onContinuation(flags, payload);
      case FrameType.RstStream:
        if (payload.length !== 4) return ErrorCode.FrameSizeError;
        if (stream === 0 || stream > this.lastStream) return ErrorCode.ProtocolError;
        this.calls.get(stream)?.close();
        return ErrorCode.NoError;
      case FrameType.Settings: return this.onSettings(flags, stream, payload);
      case FrameType.Ping: return this.onPing(flags, stream, payload);
      case FrameType.WindowUpdate: return this.onWindowUpdate(stream, payload);
      case FrameType.PushPromise: return ErrorCode.ProtocolError;
      // GOAWAY of a client changes nothing; PRIORITY and what is not known are passed over.
      default: return ErrorCode.NoError;
    }
  }

  private onData(flags: number, stream: number, payload: Buffer): number {
    if (stream === 0 || stream > this.lastStream) return ErrorCode.ProtocolError;
    const bytes = unpadded(flags, payload);
    if (!bytes) return ErrorCode.ProtocolError;
    const call = this.calls.get(stream);
    this.consumed += payload.length;
    if (this.consumed > WINDOW) return ErrorCode.FlowControlError;
    if (this.consumed >= WINDOW / 2) {
      this.send(frame(FrameType.WindowUpdate, 0, 0, uint32(this.consumed)));
      this.consumed = 0;
    }
    // One that has just ended here.
    if (!call) return ErrorCode.NoError;
    call.consumed += payload.length;
    if (call.consumed > WINDOW) return ErrorCode.FlowControlError;
    if (call.consumed >= WINDOW / 2) {
      this.send(frame(FrameType.WindowUpdate, 0, stream, uint32(call.consumed)));
      call.consumed = 0;
    }
    call.receive(bytes);
    if (flags & Flag.EndStream) call.receiveEnd();
    return ErrorCode.NoError;
  }

  private onHeaders(flags: number, stream: number, payload: Buffer): number {
    let bytes = unpadded(flags, payload);
    if (!bytes || stream % 2 === 0) return ErrorCode.ProtocolError;
    if (flags & Flag.Priority) bytes = bytes.subarray(5);
    if (flags & Flag.EndHeaders) return this.onBlock(stream, flags, bytes);
    this.block = { stream, flags, bytes: Buffer.from(bytes) };
    return ErrorCode.NoError;
  }

  private onContinuation(flags: number, payload: Buffer): number {
    const { block } = this;
    if (!block) return ErrorCode.ProtocolError;
    // Also of frames without a byte there may be only so many.
    if (block.bytes.length + payload.length > MAX_HEADERS || payload.length === 0) return ErrorCode.EnhanceYourCalm;
    block.bytes = Buffer.concat([block.bytes, payload]);
    if (!(flags & Flag.EndHeaders)) return ErrorCode.NoError;
    this.block = undefined;
    return this.onBlock(block.stream, block.flags, block.bytes);
  }

  private onBlock(stream: number, flags: number, bytes: Buffer): number {
    const decoded = this.decoder.decode(bytes, 0, bytes.length, fields);
    if (decoded !== Decoded.Ok) return decoded === Decoded.Bomb ? ErrorCode.EnhanceYourCalm : ErrorCode.CompressionError;
    const open = this.calls.get(stream);
    if (open) {
      // Trailers: gRPC's clients send none, but they may.
      if (!(flags & Flag.EndStream)) return ErrorCode.ProtocolError;
      open.receiveEnd();
      return ErrorCode.NoError;
    }
    if (stream <= this.lastStream) return ErrorCode.StreamClosed;
    this.lastStream = stream;
    if (this.draining || fields.malformed || fields.tooLarge || this.calls.size >= this.deps.maxStreams) {
      const code = fields.malformed ? ErrorCode.ProtocolError : fields.tooLarge ? ErrorCode.EnhanceYourCalm : ErrorCode.RefusedStream;
      return this.answer(frame(FrameType.RstStream, 0, stream, uint32(code)));
    }
    let path = '';
    for (let index = 0; index < fields.count; index++) if (fields.name(index) === ':path') path = fields.value(index);
    const call = new GrpcCall(this, stream, path, this.initialWindow);
    this.calls.set(stream, call);
    if (!this.deps.accept(call)) call.end(Status.Unimplemented, `${path} is not served here`);
    else if (flags & Flag.EndStream) call.receiveEnd();
    return ErrorCode.NoError;
  }

  private onSettings(flags: number, stream: number, payload: Buffer): number {
    if (stream !== 0) return ErrorCode.ProtocolError;
    if (flags & Flag.Ack) return payload.length === 0 ? ErrorCode.NoError : ErrorCode.FrameSizeError;
    if (payload.length % 6 !== 0) return ErrorCode.FrameSizeError;
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      if (payload.readUInt16BE(at) === Setting.InitialWindowSize) {
        if (value > MAX_WINDOW) return ErrorCode.FlowControlError;
        for (const call of this.calls.values()) call.window += value - this.initialWindow;
        this.initialWindow = value;
      }
    }
    const code = this.answer(frame(FrameType.Settings, Flag.Ack, 0, NOTHING));
    this.flush();
    return code;
  }

  private onPing(flags: number, stream: number, payload: Buffer): number {
    if (stream !== 0) return ErrorCode.ProtocolError;
    if (payload.length !== 8) return ErrorCode.FrameSizeError;
    if (!(flags & Flag.Ack)) return this.answer(frame(FrameType.Ping, Flag.Ack, 0, payload));
    this.pingUnanswered = false;
    return ErrorCode.NoError;
  }

  private onWindowUpdate(stream: number, payload: Buffer): number {
    if (payload.length !== 4) return ErrorCode.FrameSizeError;
    const increment = payload.readUInt32BE(0) & MAX_WINDOW;
    if (increment === 0 || stream > this.lastStream) return ErrorCode.ProtocolError;
    if (stream === 0) {
      this.window += increment;
      if (this.window > MAX_WINDOW) return ErrorCode.FlowControlError;
      this.flush();
      return ErrorCode.NoError;
    }
    const call = this.calls.get(stream);
    if (!call) return ErrorCode.NoError;
    call.window += increment;
    if (call.window > MAX_WINDOW) return ErrorCode.FlowControlError;
    call.flush();
    return ErrorCode.NoError;
  }

  /** An answer that the client makes us give. */
  private answer(bytes: Buffer): number {
    if (this.socket.writableLength > MAX_ANSWERS && this.calls.size === 0) return ErrorCode.EnhanceYourCalm;
    this.send(bytes);
    return ErrorCode.NoError;
  }
}

/** As gRPC's own specification has it: what is not printable ASCII, and `%`, is percent-encoded. */
function statusMessage(text: string): string {
  return text.replace(/[^ -$&-~]+/gu, (part) => encodeURIComponent(part)).slice(0, 2048);
}

/** The payload without its padding; undefined where that is longer than the payload. */
function unpadded(flags: number, payload: Buffer): Buffer | undefined {
  if (!(flags & Flag.Padded)) return payload;
  const end = payload.length - payload[0];
  return payload.length > 0 && end >= 1 ? payload.subarray(1, end) : undefined;
}
