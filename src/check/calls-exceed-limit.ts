import { defineCheck } from './define';
import { admittedByReplica, shownNumber } from './traffic';
import { podsOf, viewOf } from './view';

/** Callers that are promised more than the service admits: the difference is answered 429 at the planned load. */
export const callsExceedLimit = defineCheck('MW119', 'error', 'calls-exceed-limit', (graph, report) => {
  const { incoming, routes } = viewOf(graph);
  for (const service of graph.services) {
    const { key, path, spec, versions: [base] } = service;
    const perReplica = admittedByReplica(spec);
    const stated = (incoming.get(key) ?? []).filter(({ call }) => call.requestsPerSecond !== undefined);
    if (perReplica === undefined || base === undefined || stated.length === 0) continue;
    const sum = stated.reduce((total, { call }) => total + call.requestsPerSecond!, 0);
    // Routes may send a part to the other versions; what one of them gets too much of is a check of its own.
    const replicas = routes.has(key) ? podsOf(service) : base.replicas;
    const admitted = perReplica * replicas;
    if (sum <= admitted) continue;
    const parts = stated.map(({ caller, call }) => `${caller.name} ${shownNumber(call.requestsPerSecond!)}`).join(' + ');
    report(
      path,
      `callers state ${parts} = ${shownNumber(sum)} req/s`,
      `must be at most what rateLimits admit: ${shownNumber(perReplica)} req/s x ${replicas} replicas = ${shownNumber(admitted)}`,
      `raise the limit to ${shownNumber(Math.ceil(sum / Math.max(replicas, 1)))} req/s a replica, add replicas, or have callers ask for less`,
    );
  }
});
