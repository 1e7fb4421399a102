import type { Cluster, ClusterLoadAssignment } from '../../xds';
import type { Backend, Locality, MeshModel } from '../model';
import { cluster, inboundCluster } from './clusters';
import { endpoints } from './endpoints';
import { listeners } from './listeners';
import { clusterName } from './names';
import type { ClusterUse } from './route';
import { outboundRoutes } from './routes';
import type { ProxyNode, XdsResources } from './types';

export { INBOUND, OUTBOUND } from './names';
export type { ProxyNode, XdsResources } from './types';

const NOTHING: XdsResources = Object.freeze({ clusters: [], endpoints: [], listeners: [], routes: [] });

/**
 * What a proxy runs: a pure function of the mesh and the node. It gets what its service calls and what it serves, and nothing else; a node of a
 * service that is not there gets nothing.
 */
export function xdsResources(model: MeshModel, node: ProxyNode): XdsResources {
  const service = model.services.get(node.service);
  if (!service) return NOTHING;
  const { routes, uses } = outboundRoutes(service, model);
  const byName = new Map(uses.map((use) => [clusterName(use.backend, use.region), use]));
  const used = [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, use]) => use);
  const clusters = [inboundCluster(service, node), ...used.map(({ backend, region }) => clusterOf(backend, region))];
  return {
    clusters: clusters.sort((a, b) => (a.name < b.name ? -1 : 1)),
    endpoints: used.map((use) => endpointsOf(use, model.endpoints.get(use.backend.key) ?? NO_LOCALITIES, node.region)),
    listeners: listeners(service, node),
    routes: [routes],
  };
}

const NO_LOCALITIES: readonly Locality[] = [];

/*
 * Proxies of different services share most clusters, and most of a mesh stays as it is when something changes. What was made of a part of the model
 * is remembered with that part, so that equal resources are one object, which is made and encoded once.
 */
const madeClusters = new WeakMap<Backend, Map<string, Cluster>>();
const madeEndpoints = new WeakMap<readonly Locality[], WeakMap<Backend, Map<string, ClusterLoadAssignment>>>();

function clusterOf(backend: Backend, region: string | undefined): Cluster {
  const made = remembered(madeClusters, backend, () => new Map<string, Cluster>());
  return rememberedIn(made, region ?? '', () => cluster(backend, region));
}

function endpointsOf({ backend, region }: ClusterUse, localities: readonly Locality[], own: string | undefined): ClusterLoadAssignment {
  // The empty list is shared by all backends, so the backend is part of what is remembered.
  const made = remembered(remembered(madeEndpoints, localities, () => new WeakMap()), backend, () => new Map<string, ClusterLoadAssignment>());
  // Without a policy every caller sees the same.
  const first = backend.policies.locality ? region ?? own : undefined;
  return rememberedIn(made, `${region ?? ''}/${first ?? ''}`, () => endpoints(backend, localities, first, region));
}

function remembered<K extends object, V>(map: WeakMap<K, V>, key: K, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

function rememberedIn<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
