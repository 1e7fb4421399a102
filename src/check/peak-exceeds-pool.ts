import { defineCheck } from './define';
import { shownNumber } from './traffic';
import { hostOf, podsOf, viewOf } from './view';

/** Peaks of a caller that its pool and queue do not hold: what is above them is answered 503 at once, although the service is idle. */
export const peakExceedsPool = defineCheck('MW142', 'warning', 'peak-exceeds-pool', (graph, report) => {
  for (const edges of viewOf(graph).outgoing.values()) {
    for (const { caller, callee: { path, spec: { bulkhead } }, call } of edges) {
      const { concurrentRequests: peak } = call;
      const pods = podsOf(caller);
      if (peak === undefined || bulkhead?.maxPendingRequests === undefined || pods === 0) continue;
      const room = pods * (bulkhead.maxConnections + bulkhead.maxPendingRequests);
      if (peak <= room) continue;
      report(
        caller.path,
        `calls(${hostOf(call)}) ${shownNumber(peak)} at once`,
        `must fit in its pool and queue: ${pods} pods x (${bulkhead.maxConnections} connections + ${bulkhead.maxPendingRequests} pending) = ${shownNumber(room)}`,
        `write maxPendingRequests: ${Math.ceil(peak / pods) - bulkhead.maxConnections} or more in ${path}, or more replicas of ${caller.path}`,
      );
    }
  }
});
