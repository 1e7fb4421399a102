import { defineCheck } from './define';
import { admittedByReplica, shownMs, shownNumber } from './traffic';
import { hostOf, podsOf, viewOf } from './view';

/**
 * Little's law: requests in flight are the rate times the latency, and over HTTP/1.1 each takes a connection. Pools that hold fewer than that
 * turn requests away (503) although the service is idle. Only where the latency is stated.
 */
export const poolBelowRate = defineCheck('MW118', 'error', 'pool-below-rate', (graph, report) => {
  const { incoming } = viewOf(graph);
  for (const service of graph.services) {
    const { spec: { bulkhead }, facts: { expectedLatency: latency }, versions: [base] } = service;
    const edges = incoming.get(service.key) ?? [];
    if (bulkhead === undefined || latency === undefined || latency <= 0 || edges.length === 0) continue;
    const connections = Math.min(bulkhead.maxConnections, bulkhead.maxRequests ?? Number.POSITIVE_INFINITY);
    const perReplica = admittedByReplica(service.spec);
    const callers = new Set(edges.map(({ caller }) => caller));
    const pods = [...callers].reduce((sum, caller) => sum + podsOf(caller), 0);
    if (perReplica !== undefined && base !== undefined) {
      const rate = perReplica * base.replicas;
      const inFlight = rate * latency / 1000;
      if (inFlight > pods * connections) {
        report(
          service.path,
          `rateLimits admit ${shownNumber(rate)} req/s x ${shownMs(latency)} = ${shownNumber(inFlight)} in flight`,
          `must fit in the pools of the callers: ${pods} pods x ${connections} connections = ${shownNumber(pods * connections)}, `
          + `which carry ${shownNumber(pods * connections * 1000 / latency)} req/s`,
          `write maxConnections: ${Math.ceil(inFlight / Math.max(pods, 1))}, or limit the rate to what the pools carry`,
        );
      }
    }
    for (const { caller, call } of edges) {
      const inFlight = (call.requestsPerSecond ?? 0) * latency / 1000;
      const room = podsOf(caller) * connections;
      if (inFlight <= room) continue;
      report(
        caller.path,
        `calls(${hostOf(call)}) ${shownNumber(call.requestsPerSecond!)} req/s x ${shownMs(latency)} = ${shownNumber(inFlight)} in flight`,
        `must fit in its pool: ${podsOf(caller)} pods x ${connections} connections = ${shownNumber(room)}`,
        `write maxConnections: ${Math.ceil(inFlight / Math.max(podsOf(caller), 1))} in ${service.path}, or more replicas of ${caller.path}`,
      );
    }
  }
});
