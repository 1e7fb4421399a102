import { defineCheck } from './define';
import { backoffs, backoffSum, shownMs, waysTo } from './traffic';

/** Waits between the tries that alone use up the total timeout: the last retries cannot happen, however fast the service fails. */
export const backoffExceedsTimeout = defineCheck('MW113', 'error', 'backoff-exceeds-timeout', (graph, report) => {
  for (const service of graph.services) {
    for (const { path, label, total, retry } of waysTo(graph, service)) {
      if (total === undefined || retry === undefined || backoffSum(retry) < total) continue;
      const waits = backoffs(retry).map(shownMs).join(' + ');
      report(
        path,
        `${label}retry: backoff ${waits} = ${shownMs(backoffSum(retry))}`,
        `must be shorter than the total timeout of ${shownMs(total)}`,
        'write Timeout.perTry(…) if the timeout was meant for each try, or a shorter baseInterval',
      );
    }
  }
});
