import { CLUSTER_DOMAIN } from '../contract/names';
import { defineCheck } from './define';

/** A host name of the cluster itself: what has one is no outsider, and reached past its own proxy, its certificate and its rules. */
export const externalHost = defineCheck('MW165', 'error', 'external-host', ({ externals, meshes, services }, report) => {
  const byPath = new Map(meshes.map((mesh) => [mesh.path, mesh]));
  const own = new Set(services.map(({ name, namespace }) => `${name}.${namespace}`));
  for (const { path, mesh, spec: { hostname } } of externals) {
    const domain = byPath.get(mesh)?.spec.clusterDomain ?? CLUSTER_DOMAIN;
    const inside = hostname.endsWith('.svc') || hostname.endsWith(`.${domain}`) || own.has(hostname);
    if (!inside) continue;
    report(path, `hostname: ${hostname}`, 'must be a name outside of the cluster: a service of it is reached by its own proxy', 'call the MeshService instead, or have the workload join by MeshService.fromWorkload');
  }
});
