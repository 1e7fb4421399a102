import { Http2Connection } from './connection';
import type { FieldSection } from './hpack/field-section';
import { ErrorCode, PREFACE } from './protocol';
import type { Http2Stream } from './stream';

/** The role that answers. */
export abstract class ServerConnection extends Http2Connection {
  protected readonly isClient = false;
  /** The highest stream that was taken on. */
  protected lastStreamId = 0;
  private prefaceSeen = 0;
  private draining = false;
  private refusing = false;

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
      this.refuse(id, ErrorCode.RefusedStream);
      if (!this.flood.streamReset()) this.flooded('rapid_reset');
      return ErrorCode.NoError;
    }
    this.newStream(id).onHead(section, endStream);
    return ErrorCode.NoError;
  }

  /** Ends a stream that was not opened. */
  protected refuse(id: number, code: number): void {
    this.deps.stats.http2StreamsRefused++;
    this.deps.stats.http2TxReset++;
    this.out.rstStream(id, code);
    this.endedStreams.add(id, true);
  }

  /** Opens a stream. */
  protected abstract newStream(id: number): Http2Stream;

  protected override forget(stream: Http2Stream, byUs: boolean): void {
    super.forget(stream, byUs);
    if (this.streams.size > 0 || this.gone || this.failed) return;
    if (this.refusing) this.close();
    else this.onQuiet();
  }

  /** No stream is open. */
  protected abstract onQuiet(): void;

  protected onGoAway(): void {}

  /** Says that no more streams shall be opened, serves those that are on their way nevertheless, and closes after the last. */
  drain(): void {
    if (this.draining || this.gone || this.failed) return;
    this.draining = true;
    // What the client opened before it heard has come before its answer.
    this.sayDraining();
  }

  protected override onDrainHeard(): void {
    if (!this.draining || this.refusing) return;
    this.refusing = true;
    this.goAway(this.lastStreamId, ErrorCode.NoError);
    if (this.streams.size === 0) this.close();
  }

  /** Sends what there is and closes. */
  protected close(): void {
    if (this.gone) return;
    this.out.flush();
    this.connection.end();
    this.finish();
  }
}
