import { defineCheck } from './define';

/** A workload that joined whose containers declare ports, and not the service's: the sidecar hands requests to a port where nobody may listen. */
export const undeclaredPort = defineCheck('MW145', 'warning', 'undeclared-port', (graph, report) => {
  for (const { path, spec, versions } of graph.services) {
    for (const { pod } of versions) {
      const declared = pod.containers.filter(({ isProxy }) => !isProxy).flatMap(({ ports }) => ports.map(({ number }) => number));
      if (declared.length === 0 || declared.includes(spec.port.number)) continue;
      const has = [...new Set(declared)].sort((a, b) => a - b).join(', ');
      report(path, `port ${spec.port.number}`, `must be one that the containers of its pods declare: ${has}`, `write ServicePort.http(${declared[0]}), or declare the port on the container`);
    }
  }
});
