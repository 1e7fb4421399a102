/**
 * What happened in a cluster, as plain numbers that only go up; whoever sees it happen counts it. Names follow Envoy's cluster statistics, so
 * that dashboards can be reused: `upstream_rq_retry` is `rqRetry`.
 */
export class ClusterStats {
  /** Connections opened, failed, timed out while connecting, closed by the upstream with a request in flight. */
  cxTotal = 0;
  cxConnectFail = 0;
  cxConnectTimeout = 0;
  cxDestroyWithActiveRq = 0;
  /** Connections refused by max_connections. */
  cxOverflow = 0;
  /** Tries sent. */
  rqTotal = 0;
  rqTimeout = 0;
  rqPerTryTimeout = 0;
  rqRetry = 0;
  rqRetrySuccess = 0;
  rqRetryOverflow = 0;
  rqRetryLimitExceeded = 0;
  rqPendingTotal = 0;
  /** Refused by max_pending_requests or max_requests. */
  rqPendingOverflow = 0;
  /** Refused by the open circuit breaker. */
  rqCircuitOpen = 0;
  rqNoHealthyUpstream = 0;
  breakerOpened = 0;
  breakerHalfOpened = 0;
  breakerClosed = 0;
  outlierEjections = 0;
  lbHealthyPanic = 0;
  /** Requests (not tries) by class of the answer's status: index 1 to 5; 0 where there was none. */
  readonly rqByClass = new Float64Array(6);
}
