import type { CloseReason } from '../transport';
import { Http2Connection } from './connection';
import type { Http2Dependencies } from './connection-output';
import { ErrorCode, MAX_STREAM_ID } from './protocol';
import type { Http2Settings } from './settings';
import type { Http2Stream } from './stream';

/** Streams that an upstream is taken to carry before it has said how many: RFC 9113 §6.5.2 recommends to allow no fewer. */
const UNTOLD_STREAMS = 100;

/** A stream that may have to wait for its connection. */
export interface QueuedStream {
  /** It cannot be opened before the peer's settings are known. */
  readonly needsSettings: boolean;
  /** Opens it. */
  send(): void;
  lost(reason: CloseReason, unprocessed: boolean): void;
}

/** The role that asks. */
export abstract class ClientConnection<S extends QueuedStream> extends Http2Connection {
  protected readonly isClient = true;
  /** Of streams that the peer opened: none, since it may not push. */
  protected readonly lastStreamId = 0;
  connected = false;
  private nextId = 1;
  /** No stream is opened any more. */
  private goingAway = false;
  /** Requests that wait until the connection is made, or until the peer's settings have come. */
  private readonly queued = new Set<S>();

  constructor(deps: Http2Dependencies, settings: Http2Settings) {
    super(deps, settings);
    this.peerMaxStreams = UNTOLD_STREAMS;
  }

  /** Requests on it, those that wait for it included. */
  get active(): number {
    return this.streams.size + this.queued.size;
  }

  /** Whether another request may be under way on it. */
  get hasRoom(): boolean {
    if (this.goingAway || this.gone || this.failed || this.nextId > MAX_STREAM_ID) return false;
    return this.active < Math.min(this.settings.maxConcurrentStreams, this.peerMaxStreams);
  }

  connect(address: string, port: number): void {
    this.connection = this.transport.connect(address, port, this);
  }

  /** Sends the request of `stream` now, or as soon as it may. */
  begin(stream: S): void {
    if (this.connected && (this.settingsSeen || !stream.needsSettings)) stream.send();
    else this.queued.add(stream);
  }

  /** It went away while it waited. */
  unqueue(stream: S): void {
    if (!this.queued.delete(stream)) return;
    this.afterStream();
  }

  override onConnect(): void {
    this.connected = true;
    this.out.preface();
    this.greet();
    this.sendQueued();
  }

  private sendQueued(): void {
    for (const stream of [...this.queued]) {
      if (stream.needsSettings && !this.settingsSeen) continue;
      this.queued.delete(stream);
      stream.send();
    }
  }

  protected override onSettled(first: boolean): void {
    // RFC 9113 §6.5.2: one that says nothing sets no limit.
    if (first && !this.limitTold) this.peerMaxStreams = Infinity;
    this.sendQueued();
  }

  /** 0: there will be no more. */
  nextStreamId(): number {
    if (this.goingAway || this.gone || this.failed || this.nextId > MAX_STREAM_ID) return 0;
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

  /** RFC 9113 §6.8: later streams were not looked at, the others are still answered. */
  protected onGoAway(lastStreamId: number): void {
    this.retire();
    for (const stream of [...this.streams.values()]) {
      if (stream.id <= lastStreamId) continue;
      this.forget(stream, true);
      stream.lost('reset', true);
    }
  }

  /** Opens no more streams, and closes after the last. */
  retire(): void {
    if (this.goingAway) return;
    this.goingAway = true;
    if (this.connected) this.loseQueued('reset');
    this.afterStream();
  }

  private loseQueued(reason: CloseReason): void {
    for (const stream of [...this.queued]) {
      this.queued.delete(stream);
      this.loseQueuedStream(stream, reason);
    }
  }

  /** A request that waited for a connection that is gone. */
  protected loseQueuedStream(stream: S, reason: CloseReason): void {
    stream.lost(reason, reason === 'reset');
  }

  protected override forget(stream: Http2Stream, byUs: boolean): void {
    super.forget(stream, byUs);
    this.afterStream();
  }

  private afterStream(): void {
    if (this.active > 0 || this.gone || this.failed) return;
    if (this.goingAway || !this.connected) this.close();
    else this.onQuiet();
  }

  /** Nothing is under way on it. */
  protected abstract onQuiet(): void;

  protected close(): void {
    if (this.gone) return;
    if (this.connected) this.goAway(0, ErrorCode.NoError);
    this.out.flush();
    if (this.gone) return;
    this.connection.end();
    this.finish();
  }

  override onClosed(reason: CloseReason): void {
    if (this.gone) return;
    this.closeReason = reason;
    this.finish();
  }

  private closeReason: CloseReason = 'reset';

  protected override finish(): void {
    if (this.gone) return;
    super.finish();
    this.ended(this.connected ? undefined : this.closeReason);
    this.loseQueued(this.connected ? 'reset' : this.closeReason);
  }

  /** It is gone. `failure`: it was never made. */
  protected abstract ended(failure: CloseReason | undefined): void;

  protected linger(): void {
    // An upstream that errs is not worth to wait for.
    this.connection.end();
    this.finish();
  }
}
