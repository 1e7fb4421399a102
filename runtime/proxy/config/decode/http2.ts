import type { Http2ProtocolOptions } from '../../../xds';
import type { Problems } from '../problems';
import type { Http2Limits } from '../types';
import { durationOrOff, inRange } from './scalars';

/** Envoy's defaults allow a peer to be 256 MiB ahead; these bound what a connection holds to 1 MiB. */
const MAX_STREAMS = 100;
const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 1024 * 1024;
const LOWEST_WINDOW = 65_535;
const HIGHEST_WINDOW = 0x7fffffff;

/** `http2_protocol_options` of either side. */
export function http2Limits(options: Http2ProtocolOptions | undefined, path: string, problems: Problems): Http2Limits {
  const keepalive = keepaliveOf(options, `${path}.connection_keepalive`, problems);
  return {
    ...(keepalive === undefined ? {} : { keepalive }),
    maxConcurrentStreams: inRange(options?.maxConcurrentStreams ?? MAX_STREAMS, 1, HIGHEST_WINDOW, `${path}.max_concurrent_streams`, problems),
    initialStreamWindow: inRange(options?.initialStreamWindowSize ?? STREAM_WINDOW, LOWEST_WINDOW, HIGHEST_WINDOW,
      `${path}.initial_stream_window_size`, problems),
    connectionWindow: inRange(options?.initialConnectionWindowSize ?? CONNECTION_WINDOW, LOWEST_WINDOW, HIGHEST_WINDOW,
      `${path}.initial_connection_window_size`, problems),
  };
}

/** Envoy asks for a timeout wherever it is set, and sends no PING of its own accord without an interval. */
function keepaliveOf(options: Http2ProtocolOptions | undefined, path: string, problems: Problems): Http2Limits['keepalive'] {
  const settings = options?.connectionKeepalive;
  if (settings === undefined) return undefined;
  const timeout = durationOrOff(settings.timeout, 0, `${path}.timeout`, problems);
  if (timeout === 0) problems.add(`${path}.timeout`, 'is required, and more than 0');
  const interval = durationOrOff(settings.interval, 0, `${path}.interval`, problems);
  return interval === 0 ? undefined : { interval, timeout };
}
