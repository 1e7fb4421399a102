import { defineCheck } from './define';
import { tries, waysTo } from './traffic';

/** A breaker that two failing calls open before both of them have ended: the retries of a single client take the service away from everybody. */
export const breakerWithinCall = defineCheck('MW107', 'warning', 'breaker-within-call', (graph, report) => {
  for (const service of graph.services) {
    const threshold = service.spec.circuitBreaker?.consecutiveFailures;
    if (threshold === undefined) continue;
    const seen = new Set<string>();
    for (const way of waysTo(graph, service)) {
      const amount = tries(way.retry);
      // A caller's own timeout changes nothing here.
      const key = `${way.path}${amount}`;
      if (amount === 1 || threshold >= 2 * amount || seen.has(key) || way.label.startsWith('calls')) continue;
      seen.add(key);
      const when = threshold <= amount ? 'the first' : 'the second';
      report(
        way.path,
        `${way.label}circuitBreaker opens after ${threshold} failures, retry makes ${amount} tries a call`,
        `must not open inside ${when} failing call of one client`,
        `write CircuitBreaker.consecutiveFailures(${2 * amount}, …) or more, or fewer retries`,
      );
    }
  }
});
