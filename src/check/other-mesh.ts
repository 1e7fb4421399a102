import { defineCheck } from './define';
import { hostOf, viewOf } from './view';

/** A call or a route from one mesh into another: the control plane of each knows only its own services. */
export const otherMesh = defineCheck('MW102', 'error', 'other-mesh', (graph, report) => {
  const { services, externals, routes, byKey } = graph;
  const outside = new Map(externals.map((external) => [external.key, external]));
  const { outgoing } = viewOf(graph);
  for (const { key, mesh, calls } of services) {
    for (const call of calls) {
      const other = outside.get(call.external ?? '')?.mesh;
      if (other !== undefined && other !== mesh) {
        report(call.path, `calls(${hostOf(call)}) in mesh ${other}`, `must be in the mesh of its caller, ${mesh}`, 'declare an ExternalService in each mesh');
      }
    }
    for (const { caller, callee, call } of outgoing.get(key) ?? []) {
      if (callee.mesh !== mesh) {
        report(caller.path, `calls(${hostOf(call)}) in mesh ${callee.mesh}`, `must be in the mesh of its caller, ${mesh}`, 'put both services into one mesh');
      }
    }
  }
  for (const { path, parent, rules } of routes) {
    const mesh = byKey.get(parent ?? '')?.mesh;
    for (const { name, backends } of rules) {
      for (const backend of backends) {
        const other = (byKey.get(backend.target ?? '') ?? outside.get(backend.external ?? ''))?.mesh;
        if (mesh === undefined || other === undefined || other === mesh) continue;
        report(path, `rule ${name}: backend ${hostOf(backend)} in mesh ${other}`, `must be in the mesh of the route, ${mesh}`, 'send to a service of the same mesh');
      }
    }
  }
});
