import { applicationsIn } from './containers';
import { defineCheck } from './define';

/** A probe that asks a port by a name that its container does not have: the pod never becomes ready. */
export const probePort = defineCheck('MW141', 'error', 'probe-port', (graph, report) => {
  for (const { path, container } of applicationsIn(graph)) {
    const names = container.ports.flatMap(({ name }) => name ?? []);
    for (const port of container.probePorts ?? []) {
      if (names.includes(port)) continue;
      const has = names.length === 0 ? 'it names none' : `it has ${names.join(', ')}`;
      report(path, `container ${container.name}: a probe of port ${port}`, `must name a port of the container: ${has}`, 'probe by number, or name the port');
    }
  }
});
