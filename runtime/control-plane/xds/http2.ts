import type { Http2ProtocolOptionsSchema } from '../../xds';
import type { Init } from './init';

/**
 * Bounds of an HTTP/2 connection, either side: streams at once, and the bytes that a stream and all of them may be ahead of who reads them.
 * Written out, as Envoy's own defaults let a peer be 256 MiB ahead.
 */
export const HTTP2_LIMITS: Init<typeof Http2ProtocolOptionsSchema> = {
  maxConcurrentStreams: 100, initialStreamWindowSize: 256 * 1024, initialConnectionWindowSize: 1024 * 1024,
};
