import { defineCheck } from './define';
import { hostOf } from './view';

/** What has to be the same in one rule: the proxies translate between the versions of HTTP, and make no call of gRPC out of another request. */
const FAMILY = { http: 'http', http2: 'http', grpc: 'grpc', tcp: 'tcp' } as const;

/** A split whose backends speak different protocols: the part of the requests that reaches the other one fails. */
export const mixedProtocols = defineCheck('MW106', 'error', 'mixed-protocols', ({ routes, externals, byKey }, report) => {
  const outside = new Map(externals.map((external) => [external.key, external]));
  for (const { path, parent, rules } of routes) {
    // A route of bytes is told of as a whole.
    if (byKey.get(parent ?? '')?.spec.port.protocol === 'tcp') continue;
    for (const { name, backends } of rules) {
      const spoken = backends.flatMap((backend) => {
        const protocol = (byKey.get(backend.target ?? '') ?? outside.get(backend.external ?? ''))?.spec.port.protocol;
        return protocol === undefined ? [] : [{ backend, protocol }];
      });
      // No request can be sent to a service of bytes, beside others or alone.
      if (new Set(spoken.map(({ protocol }) => FAMILY[protocol])).size < 2 && !spoken.some(({ protocol }) => protocol === 'tcp')) continue;
      const value = `rule ${name}: ${spoken.map(({ backend, protocol }) => `${hostOf(backend)} (${protocol})`).join(', ')}`;
      report(path, value, 'backends of one rule must speak one protocol: HTTP of either version, or gRPC', 'split between backends of one protocol');
    }
  }
});
