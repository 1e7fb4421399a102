import type { Clock } from '../../clock';
import type { Http2Stats } from '../observe/http2-stats';
import type { Deadlines } from '../timer';
import type { Connection, Transport } from '../transport';
import { FrameWriter } from './frame-writer';
import { NO_TABLE } from './hpack/encoder';
import { DEFAULT_WINDOW, FRAME_HEAD, Flag, FrameType, MAX_FRAME } from './protocol';
import type { Http2Stream } from './stream';

export interface Http2Dependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Where it is counted what happens. */
  readonly stats: Http2Stats;
  /** Runs soon, in no read: `setImmediate`. */
  readonly defer: (run: () => void) => void;
}

/** Control bytes that wait for a peer who does not read. */
const MAX_PENDING = 1024 * 1024;

/** What goes out on a connection: frames of all streams, in one write for each round of events, as far as windows and the system take them. */
export abstract class ConnectionOutput {
  readonly streams = new Map<number, Http2Stream>();
  readonly out = new FrameWriter((bytes, end) => this.send(bytes, end), () => this.wake());
  readonly transport: Transport;
  connection!: Connection;
  sendWindow = DEFAULT_WINDOW;
  peerMaxFrame = MAX_FRAME;
  /** The system takes no more for now. */
  blocked = false;
  gone = false;
  /** Bytes are being read: what is written meanwhile goes out after them. */
  protected inRead = false;
  /** Streams whose DATA waits for windows. */
  protected readonly waiting = new Set<Http2Stream>();
  /** Bytes that its streams keep until windows let them go out. */
  streamBytes = 0;
  private scheduled = false;
  private readonly run = () => this.runLater();
  private blockWritten = false;

  constructor(protected readonly deps: Http2Dependencies) {
    this.transport = deps.transport;
  }

  abstract destroy(): void;

  buffered(change: number): void {
    this.streamBytes += change;
  }

  private send(bytes: Buffer, end: number): boolean {
    if (this.gone || this.connection.writeStable(bytes, end)) return true;
    this.blocked = true;
    // Not within the call of whoever writes.
    if (this.connection.pendingBytes > MAX_PENDING) this.deps.defer(() => this.destroy());
    return false;
  }

  private wake(): void {
    if (this.inRead || this.scheduled) return;
    this.scheduled = true;
    this.deps.defer(this.run);
  }

  private runLater(): void {
    this.scheduled = false;
    if (this.gone) {
      this.out.release();
      return;
    }
    this.out.flush();
  }

  onDrain(): void {
    this.blocked = false;
    this.pumpAll();
  }

  /** `stream` has DATA that waits for windows. */
  wait(stream: Http2Stream): void {
    this.waiting.add(stream);
  }

  /** Every stream that waits sends what it may; who was first comes last next time. */
  protected pumpAll(): void {
    if (this.waiting.size === 0) return;
    for (const stream of [...this.waiting]) {
      if (this.blocked || this.sendWindow <= 0 || this.gone) return;
      this.waiting.delete(stream);
      if (stream.id !== 0 && !stream.pump()) this.waiting.add(stream);
    }
  }

  /** As `pumpAll`, of one. */
  protected pumpOne(stream: Http2Stream): void {
    if (this.blocked || this.gone || !this.waiting.has(stream)) return;
    if (stream.pump()) this.waiting.delete(stream);
  }

  /** Before the first block of the connection: the table is not used. Returns where the block begins. */
  startBlock(to: Buffer, at: number): number {
    if (this.blockWritten) return at;
    this.blockWritten = true;
    to[at] = NO_TABLE;
    return at + 1;
  }

  /** The block in [start + 9, stop) of what goes out becomes a frame, or several. Whether it is one. */
  finishBlock(id: number, start: number, stop: number, flags: number): boolean {
    const { out } = this;
    const from = start + FRAME_HEAD;
    if (stop - from > this.peerMaxFrame) {
      this.writeBlock(id, Buffer.from(out.bytes.subarray(from, stop)), flags);
      return false;
    }
    out.headAt(start, stop - from, FrameType.Headers, flags | Flag.EndHeaders, id);
    out.end = stop;
    return true;
  }

  /** A header block as HEADERS, and CONTINUATION where the peer's frames are too small for it. */
  writeBlock(id: number, block: Buffer, flags: number): void {
    const { out } = this;
    for (let at = 0, first = true; first || at < block.length; first = false) {
      const length = Math.min(block.length - at, this.peerMaxFrame);
      const last = at + length === block.length ? Flag.EndHeaders : 0;
      out.head(length, first ? FrameType.Headers : FrameType.Continuation, first ? flags | last : last, id);
      block.copy(out.bytes, out.end, at, at + length);
      out.end += length;
      at += length;
    }
  }
}
