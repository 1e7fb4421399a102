import { defineCheck } from './define';
import { longest, shownMs, waysTo } from './traffic';

/** Requests that may take longer than a pod has to end: each rollout cuts them off. */
export const gracePeriod = defineCheck('MW133', 'warning', 'grace-period', (graph, report) => {
  for (const service of graph.services) {
    // One try reaches one pod: its bound counts, not that of the call with all its tries.
    const bounds = waysTo(graph, service).flatMap(({ total, perTry }) => longest({ total, perTry, retry: undefined }) ?? []);
    const slowest = Math.max(0, ...bounds);
    for (const { path, name, pod } of service.versions) {
      const grace = pod.terminationGracePeriodSeconds * 1000;
      if (slowest <= grace) continue;
      report(
        path,
        `requests may take ${shownMs(slowest)}, terminationGracePeriodSeconds: ${pod.terminationGracePeriodSeconds} (version ${name})`,
        'must be long enough for the longest request, or a rollout cuts it off',
        `give the pod a terminationGracePeriodSeconds of ${Math.ceil(slowest / 1000)} or more, or bound the requests`,
      );
    }
  }
});
