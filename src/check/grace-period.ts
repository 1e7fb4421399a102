import { termination } from '../contract/pod/termination';
import { defineCheck } from './define';
import { longest, shownMs, waysTo } from './traffic';

/** Requests that may take longer than a pod has to end, once it takes no more of them: each rollout cuts them off. */
export const gracePeriod = defineCheck('MW133', 'warning', 'grace-period', (graph, report) => {
  for (const service of graph.services) {
    // One try reaches one pod: its bound counts, not that of the call with all its tries.
    const bounds = waysTo(graph, service).flatMap(({ total, perTry }) => longest({ total, perTry, retry: undefined }) ?? []);
    const slowest = Math.max(0, ...bounds);
    for (const { path, name, pod } of service.versions) {
      const { preStopSeconds, drainSeconds } = termination(pod.terminationGracePeriodSeconds);
      if (slowest <= drainSeconds * 1000) continue;
      report(
        path,
        `requests may take ${shownMs(slowest)}, terminationGracePeriodSeconds: ${pod.terminationGracePeriodSeconds}, of which callers have ${preStopSeconds} to hear of it (version ${name})`,
        'must be long enough for the longest request, or a rollout cuts it off',
        `give it a terminationGracePeriod of ${needed(slowest)} s or more, or bound the requests`,
      );
    }
  }
});

/** Seconds that leave so many milliseconds for requests. */
function needed(milliseconds: number): number {
  let seconds = Math.ceil(milliseconds / 1000);
  while (termination(seconds).drainSeconds * 1000 < milliseconds) seconds++;
  return seconds;
}
