import { defineCheck } from './define';

/** Rules about requests for a service that has none. */
export const allowOfBytes = defineCheck('MW154', 'error', 'allow-of-bytes', (graph, report) => {
  for (const { path, calls, spec } of graph.services) {
    for (const { target, service, namespace } of calls) {
      const called = target === undefined ? undefined : graph.byKey.get(target);
      const declared = spec.calls?.find((call) => call.service === service && call.namespace === namespace);
      if (called?.spec.port.protocol !== 'tcp' || called.spec.port.detect || declared?.allow === undefined) continue;
      report(path, `calls(${service}.${namespace}).allow`, 'must not be set for a service of tcp: bytes say nothing of what is asked for',
        'leave allow out: the caller may connect, nobody else may');
    }
  }
});
