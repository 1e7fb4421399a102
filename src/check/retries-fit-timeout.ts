import { defineCheck } from './define';
import { backoffSum, shownMs, tries, waysTo } from './traffic';

/** Tries and waits that do not fit in the total timeout: the last tries are cut or never made, and the resilience stands on paper only. */
export const retriesFitTimeout = defineCheck('MW112', 'error', 'retries-fit-timeout', (graph, report) => {
  for (const service of graph.services) {
    for (const { path, label, total, perTry, retry } of waysTo(graph, service)) {
      if (total === undefined || perTry === undefined || retry === undefined || perTry > total) continue;
      const waits = backoffSum(retry);
      const needed = tries(retry) * perTry + waits;
      // Waits alone that do not fit are a finding of their own.
      if (needed <= total || waits >= total) continue;
      report(
        path,
        `${label}retry: ${tries(retry)} tries x ${shownMs(perTry)} + ${shownMs(waits)} backoff = ${shownMs(needed)}`,
        `must fit in the total timeout of ${shownMs(total)}`,
        `write Timeout.total(Duration.millis(${needed}), …), a shorter perTry, or fewer attempts`,
      );
    }
  }
});
