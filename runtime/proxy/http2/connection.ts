import { READ_OFFSET, READ_SIZE, type ConnectionHandler } from '../transport';
import { ConnectionDeadline, ConnectionLife } from './connection-life';
import { FrameReader, type FrameSink } from './frame-reader';
import { HeaderBlock } from './header-block';
import { Decoded, HpackDecoder } from './hpack/decoder';
import { FieldSection } from './hpack/field-section';
import { ErrorCode, Flag, FrameType, MAX_FRAME, MAX_WINDOW, Setting } from './protocol';

/** Room for a frame that was cut, then one read. Reads are used up within one event, so all connections share it. */
const HEADROOM = 32 * 1024;
const work = Buffer.allocUnsafeSlow(HEADROOM + READ_SIZE);
const fields = new FieldSection(0);

/** A connection of HTTP/2 (RFC 9113), of either role: what its frames mean. */
export abstract class Http2Connection extends ConnectionLife implements ConnectionHandler, FrameSink {
  peerMaxStreams = Infinity;
  protected limitTold = false;
  /** SETTINGS_ENABLE_CONNECT_PROTOCOL of the peer (RFC 8441 §3). */
  peerTakesConnect = false;
  settingsSeen = false;
  private readonly reader = new FrameReader();
  private readonly decoder = new HpackDecoder();
  private readonly block = new HeaderBlock();

  // Bytes in.

  onData(length: number): void {
    if (this.failed) return;
    this.transport.input.copy(work, HEADROOM, READ_OFFSET, READ_OFFSET + length);
    this.inRead = true;
    this.read(HEADROOM, HEADROOM + length);
    this.inRead = false;
    if (!this.gone) this.out.flush();
  }

  private read(start: number, end: number): void {
    const from = this.readPreface(work, start, end);
    if (from < 0 || this.gone) return;
    const error = this.reader.read(work, from, end, this);
    if (error !== ErrorCode.NoError) this.fail(error);
  }

  /** Where frames begin; -1: not yet. */
  protected abstract readPreface(bytes: Buffer, start: number, end: number): number;

  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): boolean {
    const error = this.frame(type, flags, id, bytes, start, end);
    if (error !== ErrorCode.NoError) this.fail(error);
    return !this.failed && !this.gone;
  }

  /** Returns the `ErrorCode` of a connection error. */
  private frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): number {
    const { block } = this;
    if (block.stream !== 0 && (type !== FrameType.Continuation || id !== block.stream)) return ErrorCode.ProtocolError;
    if (!this.settingsSeen && type !== FrameType.Settings) return ErrorCode.ProtocolError;
    switch (type) {
      case FrameType.Data: return this.onDataFrame(flags, id, bytes, start, end);
      case FrameType.Headers: return this.onHeaders(flags, id, bytes, start, end);
      case FrameType.Continuation: return this.onContinuation(flags, bytes, start, end);
      case FrameType.WindowUpdate: return this.onWindowUpdate(id, bytes, start, end);
      case FrameType.RstStream: return this.onRstStream(id, bytes, start, end);
      case FrameType.PushPromise: return ErrorCode.ProtocolError;
      default: break;
    }
    if (!this.flood.controlFrame(this.deps.clock.now())) return this.calm(type === FrameType.Ping ? 'ping' : type === FrameType.Settings ? 'settings' : 'control');
    switch (type) {
      case FrameType.Settings: return this.onSettings(flags, id, bytes, start, end);
      case FrameType.Ping:
        if (id !== 0) return ErrorCode.ProtocolError;
        if (end - start !== 8) return ErrorCode.FrameSizeError;
        if ((flags & Flag.Ack) !== 0) this.onPong(bytes[start]);
        else this.out.ping(Flag.Ack, bytes, start);
        return ErrorCode.NoError;
      case FrameType.Priority:
        if (id === 0) return ErrorCode.ProtocolError;
        if (end - start !== 5) return ErrorCode.FrameSizeError;
        return dependency(bytes, start) === id ? ErrorCode.ProtocolError : ErrorCode.NoError;
      case FrameType.GoAway:
        if (id !== 0) return ErrorCode.ProtocolError;
        if (end - start < 8) return ErrorCode.FrameSizeError;
        this.deps.stats.http2RxGoAway++;
        this.onGoAway(bytes.readUInt32BE(start) & 0x7fffffff);
        return ErrorCode.NoError;
      default:
        return ErrorCode.NoError;
    }
  }

  protected abstract onGoAway(lastStreamId: number): void;

  private onDataFrame(flags: number, id: number, bytes: Buffer, start: number, end: number): number {
    if (id === 0) return ErrorCode.ProtocolError;
    const flow = end - start;
    this.receiveWindow -= flow;
    if (this.receiveWindow < 0) return ErrorCode.FlowControlError;
    if ((flags & Flag.Padded) !== 0) {
      if (start === end) return ErrorCode.FrameSizeError;
      const padding = bytes[start++];
      if (padding > end - start) return ErrorCode.ProtocolError;
      end -= padding;
    }
    const endStream = (flags & Flag.EndStream) !== 0;
    if (end > start) this.flood.fullFrame();
    else if (!endStream && !this.flood.emptyFrame()) return this.calm('empty_data');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) return ErrorCode.ProtocolError;
      this.credit(undefined, flow);
      return this.wasReset(id) ? ErrorCode.NoError : ErrorCode.StreamClosed;
    }
    if (stream.remoteClosed || !stream.hasHead) {
      this.credit(undefined, flow);
      this.streamError(stream, stream.remoteClosed ? ErrorCode.StreamClosed : ErrorCode.ProtocolError);
      return ErrorCode.NoError;
    }
    stream.receiveWindow -= flow;
    if (stream.receiveWindow < 0) {
      this.credit(undefined, flow);
      this.streamError(stream, ErrorCode.FlowControlError);
      return ErrorCode.NoError;
    }
    stream.onBody(bytes, start, end, flow, endStream);
    return ErrorCode.NoError;
  }

  private onHeaders(flags: number, id: number, bytes: Buffer, start: number, end: number): number {
    if (id === 0 || (id & 1) === 0) return ErrorCode.ProtocolError;
    if ((flags & Flag.Padded) !== 0) {
      if (start === end) return ErrorCode.FrameSizeError;
      const padding = bytes[start++];
      if (padding > end - start) return ErrorCode.ProtocolError;
      end -= padding;
    }
    if ((flags & Flag.Priority) !== 0) {
      if (end - start < 5) return ErrorCode.FrameSizeError;
      if (dependency(bytes, start) === id) return ErrorCode.ProtocolError;
      start += 5;
    }
    if ((flags & Flag.EndHeaders) !== 0) return this.onBlock(flags, id, bytes, start, end);
    this.block.begin(id, flags, bytes, start, end);
    this.setDeadline(ConnectionDeadline.Block, this.blockTimeout);
    return ErrorCode.NoError;
  }

  private onContinuation(flags: number, bytes: Buffer, start: number, end: number): number {
    const { block } = this;
    if (block.stream === 0) return ErrorCode.ProtocolError;
    if (!block.add(bytes, start, end)) return this.calm('continuation');
    if ((flags & Flag.EndHeaders) === 0) return ErrorCode.NoError;
    this.clearDeadline(ConnectionDeadline.Block);
    const id = block.stream;
    const whole = block.take();
    return this.onBlock(block.flags, id, whole, 0, whole.length);
  }

  private onBlock(flags: number, id: number, bytes: Buffer, start: number, end: number): number {
    fields.limit = this.settings.maxHeaderList;
    // Also of streams that are refused: the tables have to stay alike.
    const decoded = this.decoder.decode(bytes, start, end, fields);
    if (decoded === Decoded.Invalid) return ErrorCode.CompressionError;
    if (decoded === Decoded.Bomb) return this.calm('hpack');
    const endStream = (flags & Flag.EndStream) !== 0;
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) return this.onNewStream(id, fields, endStream);
      if (this.wasReset(id)) return ErrorCode.NoError;
      return this.endedStreams.has(id) ? ErrorCode.StreamClosed : ErrorCode.ProtocolError;
    }
    if (stream.remoteClosed) this.streamError(stream, ErrorCode.StreamClosed);
    else if (!stream.hasHead) stream.onHead(fields, endStream);
    else if (!endStream) this.streamError(stream, ErrorCode.ProtocolError);
    else stream.onTrailers(fields);
    return ErrorCode.NoError;
  }

  /** HEADERS of a stream that is not open yet. */
  protected abstract onNewStream(id: number, section: FieldSection, endStream: boolean): number;
  /** Whether neither side has opened it. */
  protected abstract isIdle(id: number): boolean;

  private onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): number {
    if (end - start !== 4) return ErrorCode.FrameSizeError;
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    if (!this.flood.windowUpdate()) return this.calm('window_update');
    if (id === 0) {
      if (increment === 0) return ErrorCode.ProtocolError;
      this.sendWindow += increment;
      if (this.sendWindow > MAX_WINDOW) return ErrorCode.FlowControlError;
      this.pumpAll();
      return ErrorCode.NoError;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) return this.isIdle(id) ? ErrorCode.ProtocolError : ErrorCode.NoError;
    stream.sendWindow += increment;
    if (increment === 0) this.streamError(stream, ErrorCode.ProtocolError);
    else if (stream.sendWindow > MAX_WINDOW) this.streamError(stream, ErrorCode.FlowControlError);
    else this.pumpOne(stream);
    return ErrorCode.NoError;
  }

  private onRstStream(id: number, bytes: Buffer, start: number, end: number): number {
    if (id === 0) return ErrorCode.ProtocolError;
    if (end - start !== 4) return ErrorCode.FrameSizeError;
    const stream = this.streams.get(id);
    if (stream === undefined) return this.isIdle(id) ? ErrorCode.ProtocolError : ErrorCode.NoError;
    if (!this.isClient && !this.flood.streamReset()) return this.calm('rapid_reset');
    this.deps.stats.http2RxReset++;
    const code = bytes.readUInt32BE(start);
    this.forget(stream, false);
    // RFC 9113 §8.7: a refused stream was not processed in any way.
    stream.lost('reset', code === ErrorCode.RefusedStream);
    return ErrorCode.NoError;
  }

  private onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): number {
    if (id !== 0) return ErrorCode.ProtocolError;
    if ((flags & Flag.Ack) !== 0 && !this.settingsSeen) return ErrorCode.ProtocolError;
    if ((flags & Flag.Ack) !== 0) {
      this.clearDeadline(ConnectionDeadline.Settings);
      return end === start ? ErrorCode.NoError : ErrorCode.FrameSizeError;
    }
    if ((end - start) % 6 !== 0) return ErrorCode.FrameSizeError;
    for (let at = start; at < end; at += 6) {
      const error = this.applySetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
      if (error !== ErrorCode.NoError) return error;
    }
    const first = !this.settingsSeen;
    this.settingsSeen = true;
    this.out.settingsAck();
    this.onSettled(first);
    this.pumpAll();
    return ErrorCode.NoError;
  }

  /** The peer's settings hold. `first`: those that it begins with. */
  protected onSettled(_first: boolean): void {}

  private applySetting(setting: number, value: number): number {
    switch (setting) {
      case Setting.EnablePush:
        return value > 1 || (this.isClient && value === 1) ? ErrorCode.ProtocolError : ErrorCode.NoError;
      case Setting.MaxConcurrentStreams:
        this.peerMaxStreams = value;
        this.limitTold = true;
        return ErrorCode.NoError;
      case Setting.InitialWindowSize: {
        if (value > MAX_WINDOW) return ErrorCode.FlowControlError;
        // RFC 9113 §6.9.2: also the windows of streams that are open; they may become negative.
        const change = value - this.peerInitialWindow;
        this.peerInitialWindow = value;
        for (const stream of this.streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > MAX_WINDOW) return ErrorCode.FlowControlError;
        }
        return ErrorCode.NoError;
      }
      case Setting.MaxFrameSize:
        if (value < MAX_FRAME || value > 0xffffff) return ErrorCode.ProtocolError;
        // Longer frames would only make others wait, and do not fit the buffer that they are composed in.
        this.peerMaxFrame = MAX_FRAME;
        return ErrorCode.NoError;
      case Setting.EnableConnectProtocol:
        if (value > 1 || (this.peerTakesConnect && value === 0)) return ErrorCode.ProtocolError;
        this.peerTakesConnect = value === 1;
        return ErrorCode.NoError;
      default:
        return ErrorCode.NoError;
    }
  }

  /** Frames may still come for what this side gave up; a client opened every stream that there ever was, and has forgotten them in good order. */
  private wasReset(id: number): boolean {
    return this.isClient || this.endedStreams.wasGivenUp(id);
  }
}

const dependency = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at) & 0x7fffffff;
