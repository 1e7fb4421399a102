import { defineCheck } from './define';
import { hostOf } from './view';

/** A split whose backends speak different protocols: the part of the requests that reaches the other one fails. */
export const mixedProtocols = defineCheck('MW106', 'error', 'mixed-protocols', ({ routes, byKey }, report) => {
  for (const { path, rules } of routes) {
    for (const { name, backends } of rules) {
      const spoken = backends.flatMap((backend) => {
        const protocol = byKey.get(backend.target ?? '')?.spec.port.protocol;
        return protocol === undefined ? [] : [{ backend, protocol }];
      });
      if (new Set(spoken.map(({ protocol }) => protocol)).size < 2) continue;
      const value = `rule ${name}: ${spoken.map(({ backend, protocol }) => `${hostOf(backend)} (${protocol})`).join(', ')}`;
      report(path, value, 'backends of one rule must speak one protocol', 'split between backends of one protocol');
    }
  }
});
