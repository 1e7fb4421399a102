import { defineCheck } from './define';
import type { ExternalNode } from './graph';
import { hostOf } from './view';

const HTTP_PORT = 80;

/**
 * Bytes say nothing of whom they are for: where connections are intercepted, only the port, the address or the name in TLS tells external services apart.
 * Of two that one caller reaches at one port, one would get the connections of both.
 */
export const externalPort = defineCheck('MW171', 'error', 'external-port', ({ services, externals }, report) => {
  const byKey = new Map(externals.map((external) => [external.key, external]));
  for (const { path, calls, intercepted } of services) {
    if (intercepted !== true) continue;
    const called = calls.flatMap((call) => byKey.get(call.external ?? '') ?? []);
    const taken = new Map<number, string>([[HTTP_PORT, 'HTTP, by the names of hosts']]);
    for (const one of called.filter(({ spec }) => spec.port.protocol !== 'tcp')) taken.set(one.spec.port.number, `${hostOf(one)}, which speaks ${one.spec.port.protocol}`);
    for (const one of called.filter(isByPort)) {
      const { number } = one.spec.port;
      const by = taken.get(number);
      if (by === undefined) taken.set(number, hostOf(one));
      else report(path, `calls(${hostOf(one)}) at port ${number}`, `must be told apart from what else is called at that port: ${by}`, `write endpoints: [{ address: … }] for ${one.path}, or take interception off this service`);
    }
  }
});

function isByPort({ spec: { port, endpoints } }: ExternalNode): boolean {
  return port.protocol === 'tcp' && endpoints === undefined;
}
