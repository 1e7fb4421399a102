import { defineCheck } from './define';
import { hostOf } from './view';

/** A route that sends to a port that its backend does not serve: Kubernetes drops the reference, and the share of the backend is answered 500. */
export const portMismatch = defineCheck('MW105', 'error', 'port-mismatch', ({ routes, byKey }, report) => {
  for (const { path, rules } of routes) {
    for (const { name, backends } of rules) {
      for (const backend of backends) {
        const serves = byKey.get(backend.target ?? '')?.spec.port.number;
        if (serves === undefined || serves === backend.port) continue;
        report(path, `rule ${name}: backend ${hostOf(backend)} port ${backend.port}`, `must be the port that the service serves, ${serves}`, `write port ${serves}`);
      }
    }
  }
});
