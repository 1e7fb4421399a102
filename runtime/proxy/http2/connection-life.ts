import { Deadline, type DeadlineOwner } from '../timer';
import type { CloseReason } from '../transport';
import { ConnectionOutput, type Http2Dependencies } from './connection-output';
import { EndedStreams } from './ended-streams';
import { FLOOD_STATS, Flood, type Flooding } from './flood';
import { DEFAULT_WINDOW, ErrorCode, MAX_WINDOW } from './protocol';
import { settingPairs, type Http2Settings } from './settings';
import type { Http2Stream } from './stream';

/** Time for a peer to acknowledge our settings (RFC 9113 §6.5.3). */
const SETTINGS_TIMEOUT = 10_000;

/** The deadlines that a connection may have; each is made when it is first needed. */
export const ConnectionDeadline = { Idle: 0, Linger: 1, Connect: 2, Settings: 3, Block: 4, Keepalive: 5, KeepaliveAnswer: 6, Duration: 7 } as const;
/** Which of our PINGs an answer is to: its first byte. */
const PING_DRAIN = 1;
const PING_KEEPALIVE = 2;

const PINGS = [0, PING_DRAIN, PING_KEEPALIVE].map((which) => Buffer.from([which, 0, 0, 0, 0, 0, 0, 0]));

/** The life of a connection, whatever its frames are about: what is bounded in time, the coming and going of streams, windows given back, the end. */
export abstract class ConnectionLife extends ConnectionOutput implements DeadlineOwner {
  readonly flood = new Flood();
  peerInitialWindow = DEFAULT_WINDOW;
  /** GOAWAY with an error has been sent: nothing is read any more. */
  protected failed = false;
  protected receiveWindow = DEFAULT_WINDOW;
  protected readonly endedStreams = new EndedStreams();
  private toCredit = 0;
  private readonly timers: (Deadline | undefined)[] = [];

  constructor(deps: Http2Dependencies, readonly settings: Http2Settings) {
    super(deps);
  }

  protected abstract readonly isClient: boolean;

  /** What this side says first. */
  protected greet(): void {
    this.out.settings(settingPairs(this.settings, this.isClient));
    this.setDeadline(ConnectionDeadline.Settings, SETTINGS_TIMEOUT);
    this.keepAlive();
    const { connectionWindow } = this.settings;
    if (connectionWindow > DEFAULT_WINDOW) {
      this.out.windowUpdate(0, connectionWindow - DEFAULT_WINDOW);
      this.receiveWindow = connectionWindow;
    }
  }

  // What is bounded in time.

  protected setDeadline(kind: number, delay: number): void {
    const { deadlines, clock } = this.deps;
    if (delay > 0) deadlines.set(this.timers[kind] ??= new Deadline(this, kind), delay, clock.now());
  }

  protected clearDeadline(kind: number): void {
    const timer = this.timers[kind];
    if (timer?.set) this.deps.deadlines.clear(timer);
  }

  onDeadline(kind: number): void {
    const { stats } = this.deps;
    switch (kind) {
      case ConnectionDeadline.Settings:
        stats.http2SettingsTimeout++;
        this.fail(ErrorCode.SettingsTimeout);
        return;
      case ConnectionDeadline.Block:
        this.onBlockTimeout();
        this.fail(ErrorCode.EnhanceYourCalm);
        return;
      case ConnectionDeadline.Keepalive:
        this.out.ping(0, PINGS[PING_KEEPALIVE], 0);
        this.setDeadline(ConnectionDeadline.KeepaliveAnswer, this.settings.keepalive!.timeout);
        return;
      default:
        // Whoever does not answer reads nothing either.
        stats.http2KeepaliveTimeout++;
        this.destroy();
    }
  }

  /** A header block did not come to its end in time. */
  protected onBlockTimeout(): void {}
  /** Time for a header block to come; 0: no bound. */
  protected get blockTimeout(): number {
    return 0;
  }

  /** Asks for a sign of life, again and again. */
  protected keepAlive(): void {
    const { keepalive } = this.settings;
    if (keepalive !== undefined) this.setDeadline(ConnectionDeadline.Keepalive, keepalive.interval);
  }

  protected onPong(which: number): void {
    if (which === PING_DRAIN) this.onDrainHeard();
    if (which !== PING_KEEPALIVE || this.settings.keepalive === undefined) return;
    this.clearDeadline(ConnectionDeadline.KeepaliveAnswer);
    this.keepAlive();
  }

  /** Says that it drains, and asks for a sign that this was read: `onDrainHeard`. */
  protected sayDraining(): void {
    this.goAway(MAX_WINDOW, ErrorCode.NoError);
    this.out.ping(0, PINGS[PING_DRAIN], 0);
  }

  protected onDrainHeard(): void {}

  protected goAway(lastStreamId: number, code: number): void {
    this.deps.stats.http2TxGoAway++;
    this.out.goAway(lastStreamId, code);
  }

  // Streams.

  opened(stream: Http2Stream): void {
    this.streams.set(stream.id, stream);
  }

  /** Both sides have ended it. */
  finished(stream: Http2Stream): void {
    this.flood.streamCompleted();
    this.forget(stream, false);
  }

  /** Ends it by RST_STREAM, from this side. */
  reset(stream: Http2Stream, code: number): void {
    this.deps.stats.http2TxReset++;
    this.out.rstStream(stream.id, code);
    this.forget(stream, true);
  }

  /** What the peer did to a stream was wrong. */
  streamError(stream: Http2Stream, code: number): void {
    this.deps.stats.http2RxMessagingError++;
    this.reset(stream, code);
    stream.lost('protocol', false);
    if (!this.isClient && !this.flood.streamReset()) this.flooded('rapid_reset');
  }

  protected forget(stream: Http2Stream, byUs: boolean): void {
    const { id } = stream;
    this.streams.delete(id);
    this.waiting?.delete(stream);
    this.endedStreams.add(id, byUs);
    const owed = stream.forgotten();
    if (owed > 0) this.credit(undefined, owed);
  }

  // The end.

  /** The peer did more of something than is bearable. */
  flooded(kind: Flooding): void {
    this.fail(this.calm(kind));
  }

  protected calm(kind: Flooding): number {
    this.deps.stats[FLOOD_STATS[kind]]++;
    return ErrorCode.EnhanceYourCalm;
  }

  /** A connection error: tells the peer, ends every stream, and lets it read that. */
  fail(code: number): void {
    if (this.failed || this.gone) return;
    this.failed = true;
    this.goAway(this.lastStreamId, code);
    this.out.flush();
    this.loseStreams();
    if (this.gone) return;
    this.connection.shutdown();
    this.linger();
  }

  protected abstract readonly lastStreamId: number;
  /** Waits a while for the peer to close. */
  protected abstract linger(): void;

  private loseStreams(): void {
    for (const stream of [...this.streams.values()]) {
      this.forget(stream, false);
      stream.lost('reset', false);
    }
  }

  onConnect(): void {}

  onEnd(): void {
    this.destroy();
  }

  onClosed(_reason: CloseReason): void {
    this.finish();
  }

  /** Closes now. */
  destroy(): void {
    if (this.gone) return;
    this.connection.close();
    this.finish();
  }

  protected finish(): void {
    if (this.gone) return;
    this.gone = true;
    for (const timer of this.timers) if (timer?.set) this.deps.deadlines.clear(timer);
    this.out.release();
    this.loseStreams();
  }

  /** Gives window back, to the connection and to `stream`, in few and large steps. */
  credit(stream: Http2Stream | undefined, flow: number): void {
    this.toCredit += flow;
    if (this.toCredit * 2 >= this.settings.connectionWindow) {
      this.out.windowUpdate(0, this.toCredit);
      this.receiveWindow += this.toCredit;
      this.toCredit = 0;
    }
    if (stream === undefined) return;
    const open = this.settings.initialStreamWindow;
    if (stream.receiveWindow * 2 > open) return;
    const missing = open - stream.receiveWindow;
    stream.receiveWindow = open;
    this.out.windowUpdate(stream.id, missing);
  }
}
