import { defineCheck } from './define';
import { shownMs, waysTo } from './traffic';

/** A total from one place and a longer bound of a try from another. Within one timeout the contract refuses it. */
export const tryExceedsTotal = defineCheck('MW114', 'error', 'try-exceeds-total', (graph, report) => {
  for (const service of graph.services) {
    for (const { path, label, total, perTry } of waysTo(graph, service)) {
      if (total === undefined || perTry === undefined || perTry <= total) continue;
      report(
        path,
        `${label}perTry ${shownMs(perTry)}, total ${shownMs(total)}`,
        'a try must not be longer than the call: the first slow try would use up the budget of all',
        `write Timeout.total(Duration.millis(${total}), { perTry: … }) with a perTry below it`,
      );
    }
  }
});
