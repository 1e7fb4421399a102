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
}

/** The SETTINGS that say so. A client takes no pushed streams; a server has none to refuse. */
export function settingPairs(settings: Http2Settings, isClient: boolean): [number, number][] {
  const { maxConcurrentStreams, initialStreamWindow, maxHeaderList } = settings;
  return [
    isClient ? [Setting.EnablePush, 0] : [Setting.MaxConcurrentStreams, maxConcurrentStreams],
    [Setting.InitialWindowSize, initialStreamWindow],
    [Setting.MaxHeaderListSize, maxHeaderList],
  ];
}
