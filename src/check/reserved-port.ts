import { RESERVED_PORTS } from '../contract/ports';
import { applicationsIn } from './containers';
import { defineCheck } from './define';

/** An application that opens a port of the sidecar: one of the two fails to start. */
export const reservedPort = defineCheck('MW129', 'error', 'reserved-port', (graph, report) => {
  for (const { path, container } of applicationsIn(graph)) {
    for (const { number } of container.ports) {
      if (!RESERVED_PORTS.includes(number)) continue;
      report(path, `container ${container.name}: port ${number}`, `must not be a port of the planes: ${[...RESERVED_PORTS].sort((a, b) => a - b).join(', ')}`, 'have the application listen on another port');
    }
  }
});
