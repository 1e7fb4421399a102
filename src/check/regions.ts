import type { MeshServiceSpec } from '../contract/mesh-service';
import type { MeshGraph, ServiceNode } from './graph';

/** Regions that the traffic to the service fails over to. */
export function failoverOf({ locality }: MeshServiceSpec): readonly string[] {
  return (locality?.preferLocal ?? locality?.geohash)?.failover ?? [];
}

const regions = new WeakMap<MeshGraph, ReadonlyMap<string, ReadonlySet<string>>>();

/** Names of the regions of the service's mesh. */
export function regionsOf(graph: MeshGraph, { mesh }: ServiceNode): ReadonlySet<string> {
  let byMesh = regions.get(graph);
  if (byMesh === undefined) {
    byMesh = new Map(graph.meshes.map(({ path, spec }) => [path, new Set(spec.regions.map(({ name }) => name))]));
    regions.set(graph, byMesh);
  }
  return byMesh.get(mesh) ?? new Set();
}
