import { defineCheck } from './define';
import { failoverOf, regionsOf } from './regions';

/** Failover to a region in which the service does not run. */
export const failoverWithoutEndpoints = defineCheck('MW123', 'error', 'failover-without-endpoints', (graph, report) => {
  for (const service of graph.services) {
    const { path, spec } = service;
    if (spec.regions === undefined) continue;
    const known = regionsOf(graph, service);
    const missing = failoverOf(spec).filter((region) => known.has(region) && !spec.regions!.includes(region));
    if (missing.length === 0) continue;
    report(
      path,
      `locality fails over to ${missing.join(', ')}`,
      `must be a region that the service runs in: ${spec.regions.join(', ')}`,
      `add ${missing.join(', ')} to its regions, or take it out of failover`,
    );
  }
});
