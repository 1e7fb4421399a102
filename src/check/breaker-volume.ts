import { defineCheck } from './define';
import type { ServiceNode } from './graph';
import { percentOf, sharesOf } from './shares';
import { ms, shownMs, shownNumber } from './traffic';
import { podsOf, viewOf } from './view';

/** A breaker on a failure rate that never sees enough requests to count: each proxy of the callers counts alone, and each version by itself. */
export const breakerVolume = defineCheck('MW139', 'warning', 'breaker-volume', (graph, report) => {
  const { incoming } = viewOf(graph);
  const look = (path: string, label: string, service: ServiceNode, part: number): void => {
    const failureRate = service.spec.circuitBreaker?.failureRate;
    if (failureRate === undefined) return;
    const window = ms(failureRate.window)!;
    for (const { caller, call } of incoming.get(service.key) ?? []) {
      const pods = podsOf(caller);
      if (call.requestsPerSecond === undefined || call.service !== service.name || pods === 0) continue;
      const seen = call.requestsPerSecond * part / pods * window / 1000;
      if (seen >= failureRate.minRequests) continue;
      report(
        path,
        `${label}a pod of ${caller.path} makes ${shownNumber(seen)} requests in the window of ${shownMs(window)}, circuitBreaker minRequests: ${failureRate.minRequests}`,
        'must make enough requests in a window, or the breaker never opens',
        `write minRequests: ${Math.max(1, Math.floor(seen))} or a longer window, or CircuitBreaker.consecutiveFailures(…)`,
      );
    }
  };
  const split = new Set<string>();
  for (const share of sharesOf(graph)) {
    const { path, rule, service, version, part } = share;
    split.add(service.key);
    if (service.spec.circuitBreaker?.failureRate !== undefined) look(path, `rule ${rule}: ${percentOf(share)} to version ${version.name}: `, service, part);
  }
  for (const service of graph.services) if (!split.has(service.key)) look(service.path, '', service, 1);
});
