import { defineCheck } from './define';
import type { ExternalNode } from './graph';

/** Two external services at one host and port of one mesh, or one with the name of a service: which of them a call means, nobody can say. */
export const duplicateExternal = defineCheck('MW166', 'error', 'duplicate-external', ({ externals, byKey }, report) => {
  const first = new Map<string, ExternalNode>();
  for (const external of externals) {
    const { path, key, name, namespace, mesh, spec: { hostname, port } } = external;
    const place = `${hostname}:${port.number}`;
    const other = first.get(`${mesh} ${place}`);
    if (other === undefined) first.set(`${mesh} ${place}`, external);
    else report(path, place, `must be the only external service at its host and port: ${other.path} is there too`, 'take one of the two out, and call the other');
    const service = byKey.get(key);
    if (service !== undefined) report(path, `name: ${name}`, `must be another than that of a service of namespace ${namespace}: ${service.path} has it`, 'give one of them another name');
  }
});
