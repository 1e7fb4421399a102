import { defineCheck } from './define';
import { hostOf } from './view';

/** Whoever is called, and whatever a route sends to, has to be a service of this program: the proxies know no other. */
export const unknownDestination = defineCheck('MW101', 'error', 'unknown-destination', ({ services, externals, routes, byKey }, report) => {
  const outside = new Set(externals.map(({ key }) => key));
  const known = (key: string | undefined, external?: string): boolean => (
    (key !== undefined && byKey.has(key)) || (external !== undefined && outside.has(external)));
  const rule = 'must be a MeshService of this program: proxies are told of no other';
  for (const { calls } of services) {
    for (const call of calls) {
      if (!known(call.target, call.external)) report(call.path, `calls(${hostOf(call)})`, rule, `declare new MeshService(…) for ${hostOf(call)}, or take the call out`);
    }
  }
  for (const { path, parent, parentName, namespace, rules } of routes) {
    if (!known(parent)) {
      report(path, `service ${parentName}.${namespace}`, rule, 'route the traffic of a MeshService of this program');
    }
    for (const { name, backends } of rules) {
      for (const backend of backends) {
        if (!known(backend.target, backend.external)) report(path, `rule ${name}: backend ${hostOf(backend)}`, rule, 'send to a MeshService of this program, or to a version of one');
      }
    }
  }
});
