import type { CloseReason, ConnectionHandler } from '../transport';
import { ClientStream } from './client-stream';
import { Http2Connection } from './connection';
import { ErrorCode } from './protocol';
import type { Http2Stream } from './stream';

/** The role that asks. Its slots are what may be open at the same time; each rests between two requests, and is taken for the next. */
export abstract class ClientConnection extends Http2Connection {
  protected readonly isClient = true;
  /** Of streams that the peer opened: none, since it may not push. */
  protected readonly lastStreamId = 0;
  connected = false;
  private nextId = 1;
  /** No stream is opened any more. */
  private goingAway = false;
  protected readonly slots = new Set<ClientStream>();

  /** Whether another request may be under way on it. */
  get hasRoom(): boolean {
    if (this.goingAway || this.gone || this.failed) return false;
    return this.slots.size < Math.min(this.settings.maxConcurrentStreams, this.peerMaxStreams);
  }

  connect(address: string, port: number): void {
    this.connection = this.transport.connect(address, port, this);
  }

  slot(handler: ConnectionHandler): ClientStream {
    const stream = new ClientStream(this);
    stream.handler = handler;
    this.slots.add(stream);
    return stream;
  }

  override onConnect(): void {
    this.connected = true;
    this.out.preface();
    this.greet();
    for (const slot of [...this.slots]) slot.handler.onConnect();
  }

  /** 0: there will be no more. */
  nextStreamId(): number {
    if (this.goingAway || this.gone || this.failed || this.nextId > 0x7fffffff) return 0;
    const id = this.nextId;
    this.nextId += 2;
    return id;
  }

  /** Streams that were opened on it. */
  protected get requests(): number {
    return (this.nextId - 1) / 2;
  }

  protected readPreface(_bytes: Buffer, start: number): number {
    return start;
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id >= this.nextId;
  }

  protected onNewStream(): number {
    return ErrorCode.ProtocolError;
  }

  /** What still comes on it is of no interest. */
  release(stream: Http2Stream): void {
    this.forget(stream, true);
  }

  /** RFC 9113 §6.8: later streams were not looked at, the others are still answered. */
  protected onGoAway(lastStreamId: number): void {
    this.retire();
    for (const stream of [...this.streams.values()]) {
      if (stream.id <= lastStreamId) continue;
      this.forget(stream, true);
      stream.lost('reset');
    }
  }

  /** Opens no more streams, and closes after the last. */
  retire(): void {
    if (this.goingAway) return;
    this.goingAway = true;
    for (const slot of [...this.slots]) if (slot.id === 0 && this.connected) slot.lost('reset');
    this.closeIfUnused();
  }

  slotClosed(stream: Http2Stream): void {
    this.slots.delete(stream as ClientStream);
    if (this.goingAway || !this.connected) this.closeIfUnused();
    else if (this.slots.size === 0 && !this.gone) this.onQuiet();
  }

  /** Nobody holds a slot. */
  protected abstract onQuiet(): void;

  private closeIfUnused(): void {
    if (this.slots.size > 0 || this.gone) return;
    this.close();
  }

  protected close(): void {
    if (this.gone) return;
    if (this.connected) this.out.goAway(0, ErrorCode.NoError);
    this.out.flush();
    if (this.gone) return;
    this.connection.end();
    this.finish();
  }

  override onClosed(reason: CloseReason): void {
    const { connected } = this;
    this.gone = true;
    this.out.release();
    for (const slot of [...this.slots]) slot.lost(connected ? 'reset' : reason);
    this.ended();
  }

  protected override finish(): void {
    if (this.gone) return;
    super.finish();
    for (const slot of [...this.slots]) slot.lost('reset');
    this.ended();
  }

  /** It is gone. */
  protected abstract ended(): void;

  protected linger(): void {
    // An upstream that errs is not worth to wait for.
    this.connection.end();
    this.finish();
  }
}
