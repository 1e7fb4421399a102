/**
 * What happened on connections of HTTP/2, on either side of the proxy, as plain numbers. Names follow Envoy's codec statistics (`http2.rx_reset`), and its
 * way to name floods; those that Envoy does not tell apart are ours.
 */
export class Http2Stats {
  /** RST_STREAM received, sent. */
  http2RxReset = 0;
  http2TxReset = 0;
  /** GOAWAY received, sent. */
  http2RxGoAway = 0;
  http2TxGoAway = 0;
  /** Messages that are malformed (RFC 9113 §8.1.1). */
  http2RxMessagingError = 0;
  /** Streams refused, as more were open than is allowed. */
  http2StreamsRefused = 0;
  /** Connections closed as the peer did not answer: to SETTINGS, to a keepalive PING. */
  http2SettingsTimeout = 0;
  http2KeepaliveTimeout = 0;
  // Connections closed for a flood, by its kind.
  http2RapidResetFlood = 0;
  http2ContinuationFlood = 0;
  http2HeaderBomb = 0;
  http2SettingsFlood = 0;
  http2PingFlood = 0;
  http2ControlFlood = 0;
  http2EmptyFramesFlood = 0;
  http2WindowUpdateFlood = 0;
  http2TinyWindowFlood = 0;
}
