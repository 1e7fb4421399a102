/**
 * What happened at a listener, as plain numbers; the data path counts them. Names follow Envoy's listener and HTTP connection manager statistics:
 * `downstream_cx_total` is `cxTotal`.
 */
export class ListenerStats {
  cxTotal = 0;
  /** Open now. */
  cxActive = 0;
  cxDestroy = 0;
  /** Ended by the client while a request was under way. */
  cxDestroyRemoteActiveRq = 0;
  /** Closed because idle, and because the proxy drains. */
  cxIdleTimeout = 0;
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
  rqHeaderTimeout = 0;
  /** Bodies that did not arrive in time. */
  rqOverallTimeout = 0;
  /** Streams ended by an idle timeout, by a timeout of the route. */
  rqIdleTimeout = 0;
  rqTimeout = 0;
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
