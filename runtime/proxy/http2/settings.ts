import { Setting } from './protocol';

/** What this side allows its peer. */
export interface Http2Settings {
  readonly maxConcurrentStreams: number;
  /** Bytes that may be under way on a stream before the engine has taken them: also what is kept of it at most. */
  readonly initialStreamWindow: number;
  /** As above, of all streams together: what a connection keeps at most. */
  readonly connectionWindow: number;
  /** Bytes of a header list. */
  readonly maxHeaderList: number;
  /** Milliseconds between PINGs that ask for a sign of life, and for each to be answered; undefined: it is not asked. */
  readonly keepalive?: { readonly interval: number; readonly timeout: number };
  /** RFC 8441: WebSocket on streams. */
  readonly connectProtocol: boolean;
}

/** No pushed streams, and no table: blocks that depend on none go on to the client as the bytes that they came in. */
const CLIENT_PAIRS: readonly [number, number][] = [[Setting.EnablePush, 0], [Setting.HeaderTableSize, 0]];

/** The SETTINGS that say so. */
export function settingPairs(settings: Http2Settings, isClient: boolean): [number, number][] {
  const { maxConcurrentStreams, initialStreamWindow, maxHeaderList } = settings;
  return [
    ...(isClient ? CLIENT_PAIRS : [[Setting.MaxConcurrentStreams, maxConcurrentStreams] as [number, number]]),
    ...(!isClient && settings.connectProtocol ? [[Setting.EnableConnectProtocol, 1] as [number, number]] : []),
    [Setting.InitialWindowSize, initialStreamWindow],
    [Setting.MaxHeaderListSize, maxHeaderList],
  ];
}
