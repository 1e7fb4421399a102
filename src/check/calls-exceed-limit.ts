import { defineCheck } from './define';
import { admittedByReplica, shownNumber } from './traffic';
import { viewOf } from './view';

/** Callers that are promised more than the service admits: the difference is answered 429 at the planned load. */
export const callsExceedLimit = defineCheck('MW119', 'error', 'calls-exceed-limit', (graph, report) => {
  const { incoming } = viewOf(graph);
  for (const { key, path, spec, versions: [base] } of graph.services) {
    const perReplica = admittedByReplica(spec);
    const stated = (incoming.get(key) ?? []).filter(({ call }) => call.requestsPerSecond !== undefined);
    if (perReplica === undefined || base === undefined || stated.length === 0) continue;
    const sum = stated.reduce((total, { call }) => total + call.requestsPerSecond!, 0);
    const admitted = perReplica * base.replicas;
    if (sum <= admitted) continue;
    const parts = stated.map(({ caller, call }) => `${caller.name} ${shownNumber(call.requestsPerSecond!)}`).join(' + ');
    report(
      path,
      `callers state ${parts} = ${shownNumber(sum)} req/s`,
      `must be at most what rateLimits admit: ${shownNumber(perReplica)} req/s x ${base.replicas} replicas = ${shownNumber(admitted)}`,
      `raise the limit to ${shownNumber(Math.ceil(sum / Math.max(base.replicas, 1)))} req/s a replica, add replicas, or have callers ask for less`,
    );
  }
});
