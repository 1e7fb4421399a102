import { applicationsIn } from './containers';
import { defineCheck } from './define';

/** A port name that Kubernetes refuses on a container, though it would take it on a Service. */
export const portName = defineCheck('MW137', 'error', 'port-name', (graph, report) => {
  for (const { path, container } of applicationsIn(graph)) {
    for (const { name, number } of container.ports) {
      if (name === undefined || (name.length <= 15 && /^(?!-)(?!.*--)(?=.*[a-z])[a-z0-9-]+(?<!-)$/.test(name))) continue;
      const rule = 'must be a port name (RFC 6335 §5.1): 1 to 15 lower-case letters, digits and single hyphens, with a letter';
      report(path, `container ${container.name}: port ${number} named ${JSON.stringify(name)}`, rule, 'shorten the name, such as grpc');
    }
  }
});
