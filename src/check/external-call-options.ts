import { defineCheck } from './define';
import { hostOf } from './view';

/** Options of a call that mean nothing for what is called. */
export const externalCallOptions = defineCheck('MW170', 'error', 'external-call-options', ({ services, externals }, report) => {
  const byKey = new Map(externals.map((external) => [external.key, external]));
  for (const { path, calls, spec } of services) {
    for (const call of calls) {
      const external = byKey.get(call.external ?? '');
      const declared = spec.calls?.find(({ service, namespace }) => service === call.service && namespace === call.namespace);
      if (external === undefined || declared === undefined) continue;
      const { protocol } = external.spec.port;
      if (declared.allow !== undefined) {
        report(path, `calls(${hostOf(call)}).allow`, 'must not be set for what is outside of the mesh: nobody is there who would judge', 'leave allow out');
      }
      if (protocol === 'tcp' && declared.timeout !== undefined) {
        report(path, `calls(${hostOf(call)}).timeout`, 'must not be set for bytes, which have no requests', 'leave it out; Timeout.connection(…) of the ExternalService bounds connections');
      }
      if (protocol !== 'tcp' && declared.localPort !== undefined) {
        report(path, `calls(${hostOf(call)}).localPort`, `must not be set for ${protocol}: it is reached by its host name`, 'leave it out');
      }
    }
  }
});
