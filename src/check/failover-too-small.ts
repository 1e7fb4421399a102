import { defineCheck } from './define';
import { failoverOf } from './regions';
import { admittedByReplica, shownNumber } from './traffic';
import { viewOf } from './view';

/** Regions that cannot carry the stated traffic when one of them has failed. Replicas are spread over the regions evenly. */
export const failoverTooSmall = defineCheck('MW144', 'warning', 'failover-too-small', (graph, report) => {
  const { incoming } = viewOf(graph);
  for (const { key, path, spec, versions: [base] } of graph.services) {
    const regions = spec.regions?.length ?? 0;
    const perReplica = admittedByReplica(spec);
    if (regions < 2 || perReplica === undefined || base === undefined || failoverOf(spec).length === 0) continue;
    const rate = (incoming.get(key) ?? []).reduce((sum, { call }) => sum + (call.requestsPerSecond ?? 0), 0);
    const left = base.replicas - Math.ceil(base.replicas / regions);
    if (rate <= left * perReplica || rate > base.replicas * perReplica) continue;
    report(
      path,
      `without one of ${regions} regions ${left} of ${base.replicas} replicas admit ${shownNumber(left * perReplica)} req/s`,
      `must carry what callers state, ${shownNumber(rate)} req/s`,
      `write replicas: ${Math.ceil(rate / perReplica * regions / (regions - 1))} or more, or a higher limit for each replica`,
    );
  }
});
