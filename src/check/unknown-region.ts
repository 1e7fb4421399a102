import { defineCheck } from './define';
import { failoverOf, regionsOf } from './regions';

/** A region that the mesh does not have: no endpoint is ever in it. */
export const unknownRegion = defineCheck('MW124', 'error', 'unknown-region', (graph, report) => {
  for (const service of graph.services) {
    const known = regionsOf(graph, service);
    const look = (member: string, regions: readonly string[]): void => {
      const unknown = regions.filter((region) => !known.has(region));
      if (unknown.length === 0) return;
      const has = known.size === 0 ? 'it has none' : `it has ${[...known].join(', ')}`;
      report(service.path, `${member}: ${unknown.join(', ')}`, `must be a region of mesh ${service.mesh}: ${has}`, 'add it to regions of the Mesh, or correct the name');
    };
    look('regions', service.spec.regions ?? []);
    look('locality.failover', failoverOf(service.spec));
  }
});
