import { defineCheck } from './define';
import { ms, shownMs, shownNumber } from './traffic';
import { hostOf, podsOf, viewOf } from './view';

/**
 * Outlier detection that takes longer to see a dead endpoint than it would then keep it out. Each proxy of the callers counts alone, for each endpoint
 * by itself, so many callers that each call seldom never reach the threshold.
 */
export const slowDetection = defineCheck('MW143', 'warning', 'slow-detection', (graph, report) => {
  const { incoming } = viewOf(graph);
  for (const { key, path, name, spec: { outlierDetection }, versions: [base] } of graph.services) {
    if (outlierDetection === undefined || base === undefined || base.replicas === 0) continue;
    const { consecutiveServerErrors: errors } = outlierDetection;
    const ejection = ms(outlierDetection.baseEjectionDuration)!;
    for (const { caller, call } of incoming.get(key) ?? []) {
      const pods = podsOf(caller);
      if (call.requestsPerSecond === undefined || call.service !== name || pods === 0) continue;
      const perEndpoint = call.requestsPerSecond / pods / base.replicas;
      const time = Math.ceil(errors / perEndpoint) * 1000;
      if (time <= ejection) continue;
      report(
        path,
        `${errors} errors in a row take a pod of ${caller.path} ${shownMs(time)}: calls(${hostOf(call)}) at ${shownNumber(perEndpoint)} req/s to each endpoint`,
        `must be seen within the ejection that follows, ${shownMs(ejection)}`,
        `write a threshold of ${Math.max(1, Math.floor(perEndpoint * ejection / 1000))} errors, or have readiness probes find dead endpoints`,
      );
    }
  }
});
