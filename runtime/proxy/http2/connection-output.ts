import type { Clock } from '../../clock';
import type { Http2Stats } from '../observe/http2-stats';
import type { Deadlines } from '../timer';
import type { Connection, Transport } from '../transport';
import { FrameWriter, type FrameOwner } from './frame-writer';
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
export abstract class ConnectionOutput implements FrameOwner {
  readonly streams = new Map<number, Http2Stream>();
  readonly out = new FrameWriter(this);
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
  protected waiting: Set<Http2Stream> | undefined;
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

  send(bytes: Buffer, end: number): boolean {
    if (this.gone || this.connection.writeStable(bytes, end)) return true;
    this.blocked = true;
    // Not within the call of whoever writes.
    if (this.connection.pendingBytes > MAX_PENDING) this.deps.defer(() => this.destroy());
    return false;
  }

  wake(): void {
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
    (this.waiting ??= new Set()).add(stream);
  }

  /** Every stream that waits sends what it may; who was first comes last next time. */
  protected pumpAll(): void {
    const { waiting } = this;
    if (waiting === undefined || waiting.size === 0) return;
    for (const stream of [...waiting]) {
      if (this.blocked || this.sendWindow <= 0 || this.gone) return;
      waiting.delete(stream);
      if (stream.id !== 0 && !stream.pump()) waiting.add(stream);
    }
  }

  /** As `pumpAll`, of one. */
  protected pumpOne(stream: Http2Stream): void {
    const { waiting } = this;
    if (this.blocked || this.gone || waiting === undefined || !waiting.has(stream)) return;
    if (stream.pump()) waiting.delete(stream);
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
