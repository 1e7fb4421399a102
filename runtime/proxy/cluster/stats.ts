import { Http2Stats } from '../observe/http2-stats';

/**
 * What happened in a cluster, as plain numbers that only go up; whoever sees it happen counts it. Names follow Envoy's cluster statistics, so
 * that dashboards can be reused: `upstream_rq_retry` is `rqRetry`. The cluster itself counts those marked (cluster); the data path the others.
 */
export class ClusterStats extends Http2Stats {
  /** Connections opened, failed, timed out while connecting, closed by the upstream with a request in flight. */
  cxTotal = 0;
  cxConnectFail = 0;
  cxConnectTimeout = 0;
  cxMaxDuration = 0;
  cxDestroyWithActiveRq = 0;
  /** Connections refused by max_connections. */
  cxOverflow = 0;
  /** TCP sessions that failed with their last attempt to connect. */
  cxConnectAttemptsExceeded = 0;
  /** Bytes received and sent by TCP sessions. */
  cxRxBytes = 0;
  cxTxBytes = 0;
  /** Tries started (cluster). */
  rqTotal = 0;
  rqTimeout = 0;
  rqPerTryTimeout = 0;
  /** Retries admitted (cluster). */
  rqRetry = 0;
  rqRetrySuccess = 0;
  rqRetryOverflow = 0;
  rqRetryLimitExceeded = 0;
  rqPendingTotal = 0;
  /** Refused by max_pending_requests (pool) or max_requests (cluster). */
  rqPendingOverflow = 0;
  /** Refused by the open circuit breaker (cluster). */
  rqCircuitOpen = 0;
  /** Picks that found no host (cluster). */
  rqNoHealthyUpstream = 0;
  /** Changes of the breaker's state, ejections, picks made in panic (cluster). */
  breakerOpened = 0;
  breakerHalfOpened = 0;
  breakerClosed = 0;
  outlierEjections = 0;
  lbHealthyPanic = 0;
  /** Active health checks: begun, passed, failed, and of these such without an answer. */
  healthCheckAttempt = 0;
  healthCheckSuccess = 0;
  healthCheckFailure = 0;
  healthCheckNetworkFailure = 0;
  /** Requests (not tries) by class of the answer's status: index 1 to 5; 0 where there was none. */
  readonly rqByClass = new Float64Array(6);
}
