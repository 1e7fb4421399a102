import { RESERVED_PORTS } from '../contract/ports';
import { defineCheck } from './define';
import type { CallEdge, ServiceNode } from './graph';
import { Edge, hostOf, viewOf } from './view';

/**
 * Ports of a pod's loopback at which its application reaches services of bytes: each belongs to one upstream, and neither to the application nor to
 * the sidecar. Of two that want one, one is not there. A service of HTTP is reached by its name and has none.
 */
export const localPort = defineCheck('MW146', 'error', 'local-port', (graph, report) => {
  const { outgoing } = viewOf(graph);
  const outside = new Map(graph.externals.map((external) => [external.key, external]));
  for (const service of graph.services) {
    const taken = portsOf(service);
    for (const call of service.calls) {
      const external = outside.get(call.external ?? '');
      if (external?.spec.port.protocol !== 'tcp') continue;
      const port = localPortOf(service, call) ?? external.spec.port.number;
      const by = taken.get(port);
      if (by === undefined) taken.set(port, `calls(${hostOf(call)})`);
      else report(service.path, `calls(${hostOf(call)}) at localhost:${port}`, `must be a port of the pod that nothing else uses: ${port} belongs to ${by}`, `write calls(…, { localPort: ${free(port, taken)} })`);
    }
    for (const edge of outgoing.get(service.key) ?? []) {
      const { callee, call } = edge;
      const { number, protocol } = callee.spec.port;
      const said = declared(edge);
      const value = (port: number) => `calls(${hostOf(call)}) at localhost:${port}`;
      if (protocol !== 'tcp') {
        if (said !== undefined && said !== number) {
          report(service.path, `calls(${hostOf(call)}) localPort: ${said}`, `must be left out: the service speaks ${protocol} and is reached by its name`, 'take localPort out');
        }
        continue;
      }
      const port = said ?? number;
      const by = taken.get(port);
      if (by === undefined) taken.set(port, `calls(${hostOf(call)})`);
      else report(service.path, value(port), `must be a port of the pod that nothing else uses: ${port} belongs to ${by}`, `write calls(…, { localPort: ${free(port, taken)} })`);
    }
  }
});

/** Ports of a pod that are taken before any call, and by whom. */
function portsOf({ spec, versions }: ServiceNode): Map<number, string> {
  const taken = new Map<number, string>(RESERVED_PORTS.map((port) => [port, 'the sidecar']));
  for (const { pod } of versions) {
    for (const { name, ports, isProxy } of pod.containers) if (!isProxy) for (const { number } of ports) taken.set(number, `container ${name}`);
  }
  return taken.set(spec.port.number, 'the service\'s own application');
}

function declared({ caller, call }: Edge): number | undefined {
  return localPortOf(caller, call);
}

function localPortOf(caller: ServiceNode, call: CallEdge): number | undefined {
  return caller.spec.calls?.find(({ service, namespace }) => service === call.service && namespace === call.namespace)?.localPort;
}

/** A port like the wanted one that is not taken: 15432 for 5432. */
function free(wanted: number, taken: ReadonlyMap<number, string>): number {
  let port = wanted < 10_000 ? wanted + 10_000 : wanted + 1;
  while (taken.has(port)) port += 1;
  return port > 65_535 ? 1024 : port;
}
