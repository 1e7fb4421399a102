import { defineCheck } from './define';
import { hostOf, viewOf } from './view';

/** A call, or a route of what is called, leads outside of the mesh, and the caller may reach nothing there. */
export const outsideDenied = defineCheck('MW168', 'error', 'outside-denied', (graph, report) => {
  const meshes = new Map(graph.meshes.map((mesh) => [mesh.path, mesh]));
  const { routes } = viewOf(graph);
  const rule = 'must not lead outside of the mesh: outsideTraffic is none';
  for (const { path, mesh, spec, calls } of graph.services) {
    const { policy } = spec.outsideTraffic ?? meshes.get(mesh)?.spec.outsideTraffic ?? { policy: 'registered' };
    if (policy !== 'none') continue;
    for (const call of calls) {
      if (call.external !== undefined) {
        report(path, `calls(${hostOf(call)})`, rule, 'write outsideTraffic: OutsideTraffic.registered() for this service, or take the call out');
      }
      for (const route of call.target === undefined ? [] : routes.get(call.target) ?? []) {
        for (const { name, backends } of route.rules) {
          for (const backend of backends.filter(({ external }) => external !== undefined)) {
            report(path, `calls(${hostOf(call)}), which ${route.path}, rule ${name}, sends to ${hostOf(backend)}`, rule, 'write outsideTraffic: OutsideTraffic.registered() for this service');
          }
        }
      }
    }
  }
});
