import { giveBackOutput, takeFrames } from '../transport/output';
import { FRAME_HEAD, FrameType, PREFACE } from './protocol';

/** Whose frames they are. */
export interface FrameOwner {
  /** Sends [0, end); whether the bytes are done with. */
  send(bytes: Buffer, end: number): boolean;
  /** The first byte is about to be written. */
  wake(): void;
}

/**
 * Frames that are to go out, composed one behind the other in a buffer that is borrowed while there are any. Its owner gets it when it is full and
 * when `flush` is called, and says whether it has done with it; else the buffer is its own.
 */
export class FrameWriter {
  bytes: Buffer = NONE;
  end = 0;
  /** Counts flushes: what was written before the last cannot be changed any more. */
  generation = 0;

  constructor(private readonly owner: FrameOwner) {}

  /** Makes room for `length` bytes at `end`. */
  reserve(length: number): void {
    if (this.bytes.length === 0) {
      this.bytes = takeFrames(length);
      this.owner.wake();
    }
    if (this.end + length <= this.bytes.length) return;
    this.flush();
    this.bytes = takeFrames(length);
  }

  flush(): void {
    const { bytes, end } = this;
    if (bytes.length === 0) return;
    this.bytes = NONE;
    this.end = 0;
    this.generation++;
    if (end === 0 || this.owner.send(bytes, end)) giveBackOutput(bytes);
  }

  /** Drops what has not gone out. */
  release(): void {
    this.end = 0;
    if (this.bytes.length === 0) return;
    giveBackOutput(this.bytes);
    this.bytes = NONE;
  }

  /** A frame's head; its payload follows at `end`, for which there is room. */
  head(length: number, type: number, flags: number, streamId: number): void {
    this.reserve(FRAME_HEAD + length);
    this.headAt(this.end, length, type, flags, streamId);
    this.end += FRAME_HEAD;
  }

  headAt(at: number, length: number, type: number, flags: number, streamId: number): void {
    const { bytes } = this;
    bytes[at] = length >> 16;
    bytes[at + 1] = length >> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    this.uint32At(at + 5, streamId);
  }

  private uint32At(at: number, value: number): void {
    const { bytes } = this;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >> 16;
    bytes[at + 2] = value >> 8;
    bytes[at + 3] = value;
  }

  private uint32(value: number): void {
    this.uint32At(this.end, value);
    this.end += 4;
  }

  preface(): void {
    this.reserve(PREFACE.length);
    this.end += PREFACE.copy(this.bytes, this.end);
  }

  /** Pairs of setting and value. */
  settings(pairs: readonly (readonly [number, number])[]): void {
    this.head(pairs.length * 6, FrameType.Settings, 0, 0);
    for (const [setting, value] of pairs) {
      this.bytes[this.end++] = setting >> 8;
      this.bytes[this.end++] = setting;
      this.uint32(value);
    }
  }

  settingsAck(): void {
    this.head(0, FrameType.Settings, 1, 0);
  }

  /** The 8 bytes at `from`, or zeros. */
  ping(flags: number, bytes: Buffer | undefined, from: number): void {
    this.head(8, FrameType.Ping, flags, 0);
    if (bytes === undefined) this.bytes.fill(0, this.end, this.end + 8);
    else bytes.copy(this.bytes, this.end, from, from + 8);
    this.end += 8;
  }

  windowUpdate(streamId: number, increment: number): void {
    this.head(4, FrameType.WindowUpdate, 0, streamId);
    this.uint32(increment);
  }

  rstStream(streamId: number, code: number): void {
    this.head(4, FrameType.RstStream, 0, streamId);
    this.uint32(code);
  }

  goAway(lastStreamId: number, code: number): void {
    this.head(8, FrameType.GoAway, 0, 0);
    this.uint32(lastStreamId);
    this.uint32(code);
  }
}

const NONE = Buffer.alloc(0);
