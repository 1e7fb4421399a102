import type { Http2Stats } from '../observe/http2-stats';

/** Control frames (SETTINGS, PING, PRIORITY, unknown types) that are answered or skipped within one period. */
const CONTROL_FRAMES = 1000;
const PERIOD = 10_000;
/** Streams that a client may give up before their answers, beside one for each that it let end. */
const RESETS = 100;
/** Frames that carry nothing and end nothing, in a row. */
const EMPTY_FRAMES = 16;
/** WINDOW_UPDATE frames for each DATA frame that was sent; the first ones are free. */
const WINDOW_UPDATES_PER_DATA = 10;
const FREE_WINDOW_UPDATES = 1000;
/** DATA frames in a row that were cut to nearly nothing by the peer's windows. */
const TINY_FRAMES = 1000;
const TINY = 64;

/** What a connection was ended for. */
export type Flooding = 'rapid_reset' | 'continuation' | 'hpack' | 'settings' | 'ping' | 'control' | 'empty_data' | 'window_update' | 'tiny_window';

/** Under which it is counted. */
export const FLOOD_STATS: Readonly<Record<Flooding, keyof Http2Stats>> = {
  rapid_reset: 'http2RapidResetFlood',
  continuation: 'http2ContinuationFlood',
  hpack: 'http2HeaderBomb',
  settings: 'http2SettingsFlood',
  ping: 'http2PingFlood',
  control: 'http2ControlFlood',
  empty_data: 'http2EmptyFramesFlood',
  window_update: 'http2WindowUpdateFlood',
  tiny_window: 'http2TinyWindowFlood',
};

/**
 * What a peer may do that costs it less than us, counted. Each answers whether it is still bearable; what is not ends the connection with
 * ENHANCE_YOUR_CALM (RFC 9113 §10.5).
 */
export class Flood {
  private control = 0;
  private periodStart = 0;
  private resets = 0;
  private completed = 0;
  private empty = 0;
  private windowUpdates = 0;
  private dataFrames = 0;
  private tiny = 0;

  controlFrame(now: number): boolean {
    if (now - this.periodStart >= PERIOD) {
      this.periodStart = now;
      this.control = 0;
    }
    return ++this.control <= CONTROL_FRAMES;
  }

  /** A stream ended as it should. */
  streamCompleted(): void {
    this.completed++;
  }

  /** The peer gave a stream up, or made us do so, before its end: rapid reset (CVE-2023-44487) and what was thought of after it. */
  streamReset(): boolean {
    return ++this.resets <= RESETS + this.completed;
  }

  emptyFrame(): boolean {
    return ++this.empty <= EMPTY_FRAMES;
  }

  fullFrame(): void {
    this.empty = 0;
  }

  windowUpdate(): boolean {
    return ++this.windowUpdates <= FREE_WINDOW_UPDATES + this.dataFrames * WINDOW_UPDATES_PER_DATA;
  }

  /** A DATA frame of `length` went out, though `wanted` was there. */
  dataSent(length: number, wanted: number): boolean {
    this.dataFrames++;
    if (length >= TINY || length === wanted) {
      this.tiny = 0;
      return true;
    }
    return ++this.tiny <= TINY_FRAMES;
  }
}
