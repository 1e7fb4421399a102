import { defineCheck } from './define';
import { shownNumber } from './traffic';
import { podsOf, viewOf } from './view';

/** A burst that the limits let through, and the pools and queues of the callers do not hold: most of it is answered 503 although the service is idle. */
export const burstExceedsPool = defineCheck('MW142', 'warning', 'burst-exceeds-pool', (graph, report) => {
  const { incoming } = viewOf(graph);
  for (const { key, path, spec: { bulkhead, rateLimits = [] }, versions: [base] } of graph.services) {
    const edges = incoming.get(key) ?? [];
    if (bulkhead === undefined || base === undefined || rateLimits.length === 0 || edges.length === 0) continue;
    const burst = Math.min(...rateLimits.map((limit) => limit.burst)) * base.replicas;
    const pods = [...new Set(edges.map(({ caller }) => caller))].reduce((sum, caller) => sum + podsOf(caller), 0);
    const each = bulkhead.maxConnections + bulkhead.maxPendingRequests;
    if (burst <= pods * each) continue;
    report(
      path,
      `rateLimits let ${shownNumber(burst)} requests through at once`,
      `must fit in the pools and queues of the callers: ${pods} pods x (${bulkhead.maxConnections} connections + ${bulkhead.maxPendingRequests} pending) = ${shownNumber(pods * each)}`,
      `write maxPendingRequests: ${Math.ceil(burst / Math.max(pods, 1)) - bulkhead.maxConnections} or more, or a smaller burst`,
    );
  }
});
