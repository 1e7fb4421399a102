import { BASE_VERSION } from '../contract/names';
import { defineCheck } from './define';
import type { ServiceNode } from './graph';
import { hostOf, viewOf } from './view';

/**
 * A version that is called or routed to, and that the emitted MeshService does not have. With constructs alone it cannot be written; a patch of the
 * manifest can take a version out that routes still name.
 */
export const unknownVersion = defineCheck('MW103', 'error', 'unknown-version', (graph, report) => {
  const { outgoing } = viewOf(graph);
  const namesOf = ({ spec }: ServiceNode) => [BASE_VERSION, ...(spec.versions ?? []).map(({ name }) => name)];
  const fix = (service: ServiceNode) => `name one of ${namesOf(service).join(', ')}, or add the version by addVersion`;
  for (const edges of outgoing.values()) {
    for (const { caller, callee, call } of edges) {
      if (servicesOf(callee).includes(call.service)) continue;
      report(caller.path, `calls(${hostOf(call)})`, `must be a version that ${callee.path} has`, fix(callee));
    }
  }
  for (const { path, rules } of graph.routes) {
    for (const { name, backends } of rules) {
      for (const backend of backends) {
        const service = graph.byKey.get(backend.target ?? '');
        if (service === undefined || (namesOf(service).includes(backend.version) && servicesOf(service).includes(backend.service))) continue;
        report(path, `rule ${name}: version ${backend.version} of ${service.path}`, 'must be a version that the service has', fix(service));
      }
    }
  }
});

/** Kubernetes Services of a service, that of each version included, as the manifest names them. */
function servicesOf({ name, spec }: ServiceNode): string[] {
  return [name, ...(spec.versions ?? []).map(({ service }) => service)];
}
