import { defineCheck } from './define';
import { hostOf, viewOf } from './view';

/** A bound of the requests of a call that carries bytes: nothing would ever heed it. */
export const timeoutOfBytes = defineCheck('MW147', 'error', 'timeout-of-bytes', (graph, report) => {
  for (const edges of viewOf(graph).outgoing.values()) {
    for (const { caller, callee, call } of edges) {
      if (callee.spec.port.protocol !== 'tcp') continue;
      const declared = caller.spec.calls?.find(({ service, namespace }) => service === call.service && namespace === call.namespace);
      if (declared?.timeout === undefined) continue;
      report(
        caller.path,
        `calls(${hostOf(call)}) timeout`,
        `must be left out: ${callee.path} speaks tcp, so there are no requests to bound`,
        `take it out; write timeout: Timeout.connection(…) in ${callee.path} to bound connections`,
      );
    }
  }
});
