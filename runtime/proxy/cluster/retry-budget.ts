import type { ClusterConfig } from '../config/types';

/**
 * Retries that may be in flight at once: max_retries, or where there is a budget its percent of the requests in flight and waiting, rounded down,
 * and never fewer than its minimum (envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget). A budget bounds the load that retries add in
 * an outage to that percent, whatever the load is.
 */
export function retriesAllowed(config: ClusterConfig, active: number): number {
  const { retryBudget, limits } = config;
  if (retryBudget === undefined) return limits.maxRetries;
  return Math.max(retryBudget.minConcurrency, Math.floor((retryBudget.percent * active) / 100));
}
