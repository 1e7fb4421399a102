import { walk } from './call-walk';
import { defineCheck } from './define';
import { hostOf } from './view';

/** Calls that lead back to where they came from, with retries on the way: what one request may cause has no bound. */
export const retryInCycle = defineCheck('MW135', 'warning', 'retry-in-cycle', (graph, report) => {
  const { cycles, factors } = walk(graph);
  for (const cycle of cycles) {
    if (!cycle.some(({ callee }) => factors.get(callee.key)! > 1)) continue;
    const names = [hostOf(cycle[0]!.caller), ...cycle.map(({ call }) => hostOf(call))];
    report(
      cycle[0]!.caller.path,
      `calls ${names.join(' -> ')}`,
      'a cycle of calls must not retry: each round multiplies the requests of the one before',
      'take the retries out of one of these services, or acknowledge if no request goes round',
    );
  }
});
