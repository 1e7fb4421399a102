import type { ConnectionHandler } from '../transport';
import { Http2Connection } from './connection';
import type { Http2Dependencies } from './connection-output';
import type { FieldSection } from './hpack/field-section';
import { ErrorCode, MAX_WINDOW, PREFACE } from './protocol';
import { ServerStream } from './server-stream';
import type { Http2Settings } from './settings';
import type { Http2Stream } from './stream';

/** The role that answers. Streams are served by handlers that stay when a stream ends, for the next one. */
export abstract class ServerConnection extends Http2Connection {
  protected readonly isClient = false;
  /** The highest stream that was taken on. */
  protected lastStreamId = 0;
  private prefaceSeen = 0;
  private draining = false;
  private refusing = false;
  private readonly slots = new Set<ServerStream>();
  private readonly free: ServerStream[] = [];

  constructor(deps: Http2Dependencies, settings: Http2Settings) {
    super(deps, settings);
  }

  start(prefaceRead: boolean): void {
    if (prefaceRead) this.prefaceSeen = PREFACE.length;
    this.greet();
  }

  protected readPreface(bytes: Buffer, start: number, end: number): number {
    let i = start;
    while (i < end && this.prefaceSeen < PREFACE.length) {
      if (bytes[i++] !== PREFACE[this.prefaceSeen++]) {
        this.fail(ErrorCode.ProtocolError);
        return -1;
      }
    }
    return i;
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.lastStreamId;
  }

  protected onNewStream(id: number, section: FieldSection, endStream: boolean): number {
    // After the last GOAWAY: RFC 9113 §6.8, it is as if it had never come.
    if (this.refusing) return ErrorCode.NoError;
    this.lastStreamId = id;
    if (this.streams.size >= this.settings.maxConcurrentStreams) {
      this.out.rstStream(id, ErrorCode.RefusedStream);
      this.endedStreams.add(id, true);
      return this.flood.streamReset() ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;
    }
    let stream = this.free.pop();
    while (stream !== undefined && (stream.closed || !this.takesRequests(stream))) stream = this.free.pop();
    if (stream === undefined) {
      stream = new ServerStream(this);
      stream.handler = this.createHandler(stream);
      this.slots.add(stream);
    }
    stream.begin(id);
    stream.onHead(section, endStream);
    return ErrorCode.NoError;
  }

  /** Who serves the requests of a new slot. */
  protected abstract createHandler(stream: ServerStream): ConnectionHandler;
  /** Whether its handler is ready for the next request. */
  protected abstract takesRequests(stream: ServerStream): boolean;
  /** The header list is larger than is allowed. */
  abstract refuseTooLarge(stream: ServerStream): void;

  override finished(stream: Http2Stream): void {
    super.finished(stream);
    if (!stream.closed) this.free.push(stream as ServerStream);
  }

  protected override forget(stream: Http2Stream, byUs: boolean): void {
    super.forget(stream, byUs);
    if (this.streams.size > 0 || this.gone || this.failed) return;
    if (this.refusing) this.close();
    else this.onQuiet();
  }

  /** No stream is open. */
  protected abstract onQuiet(): void;

  slotClosed(stream: Http2Stream): void {
    this.slots.delete(stream as ServerStream);
  }

  protected onGoAway(): void {}

  /** Says that no more streams shall be opened, serves those that are on their way nevertheless, and closes after the last. */
  drain(): void {
    if (this.draining || this.gone || this.failed) return;
    this.draining = true;
    this.out.goAway(MAX_WINDOW, ErrorCode.NoError);
    // What the client opened before it heard has come before the answer to this.
    this.out.ping(0, undefined, 0);
  }

  protected override onPong(): void {
    if (!this.draining || this.refusing) return;
    this.refusing = true;
    this.out.goAway(this.lastStreamId, ErrorCode.NoError);
    if (this.streams.size === 0) this.close();
  }

  /** Sends what there is and closes. */
  protected close(): void {
    if (this.gone) return;
    this.out.flush();
    this.connection.end();
    this.finish();
  }

  protected override finish(): void {
    super.finish();
    // Handlers that rest between two streams.
    for (const slot of [...this.slots]) slot.lost('reset');
  }
}
