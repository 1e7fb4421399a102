import { Http2Stats } from '../observe/http2-stats';

/** What happened at a listener before a filter chain took over, as plain numbers; names follow Envoy's: `downstream_cx_total` is `cxTotal`. */
export class ListenerStats {
  cxTotal = 0;
  /** Open now. */
  cxActive = 0;
  cxDestroy = 0;
  /** Waiting for their first bytes now; waited too long, whatever became of them then. */
  preCxActive = 0;
  preCxTimeout = 0;
  /** Closed because no filter chain matches. */
  noFilterChainMatch = 0;
  /** What the inspection of the first bytes found: a ClientHello, HTTP of either kind, nothing of these. */
  foundTls = 0;
  foundHttp = 0;
  foundOther = 0;
}

/** What happened at a tcp_proxy; names follow Envoy's. */
export class TcpStats {
  cxTotal = 0;
  cxActive = 0;
  cxDestroy = 0;
  cxIdleTimeout = 0;
  /** Ended because their life is bounded. */
  maxDurationReached = 0;
  /** Closed as the configured cluster is not known. */
  cxNoRoute = 0;
  bytesReceived = 0;
  bytesSent = 0;
  /** Times reading stopped because the other side was slower. */
  flowControlPaused = 0;
}

/** What happened at an HTTP connection manager. */
export class HttpStats extends Http2Stats {
  cxTotal = 0;
  /** Open now. */
  cxActive = 0;
  cxDestroy = 0;
  /** Ended by the client while a request was under way. */
  cxDestroyRemoteActiveRq = 0;
  /** Closed because idle, and because the proxy drains. */
  cxIdleTimeout = 0;
  cxMaxDuration = 0;
  cxDrainClose = 0;
  /** Messages refused as invalid HTTP. */
  cxProtocolError = 0;
  bytesReceived = 0;
  bytesSent = 0;
  rqTotal = 0;
  /** Under way now. */
  rqActive = 0;
  /** Refused because the proxy is overloaded. */
  rqOverloadClose = 0;
  /** Requests whose body is longer than is allowed. */
  rqTooLarge = 0;
  /** Copies that went to other clusters, and those that did not as the body is longer than what is kept. */
  rqMirrored = 0;
  rqMirrorOverflow = 0;
  rqHeaderTimeout = 0;
  /** Bodies that did not arrive in time. */
  rqOverallTimeout = 0;
  /** Streams ended by an idle timeout, by a timeout of the route. */
  rqIdleTimeout = 0;
  rqTimeout = 0;
  /** Requests ended by the longest time that route and `grpc-timeout` leave one. */
  rqMaxDuration = 0;
  /** The client went away before its answer was complete; the upstream broke its answer off. */
  rqRxReset = 0;
  rqTxReset = 0;
  /** Connections that became a tunnel, those open now included. */
  upgradeTotal = 0;
  upgradeActive = 0;
  /** Times reading stopped because the other side was slower. */
  flowControlPaused = 0;
  /** Requests by class of the status: index 1 to 5; 0 where no answer was begun. */
  readonly rqByClass = new Float64Array(6);
}
