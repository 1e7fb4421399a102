import { defineCheck } from './define';

/** What only the called service's own proxy does. */
const OWN_PROXYS = ['rateLimits', 'compression', 'digest', 'sizeLimits', 'faults'] as const;

/** A policy that nobody would carry out. */
export const needsProxy = defineCheck('MW173', 'error', 'needs-proxy', ({ services }, report) => {
  for (const { path, spec } of services) {
    if (spec.dataPlane === undefined) continue;
    if (spec.port.detect) {
      report(
        path, `port detect(${spec.port.number}) with dataPlane: ${spec.dataPlane}`, 'is told by the proxy of the called service, and these pods have none',
        `write what is spoken, such as ServicePort.tcp(${spec.port.number}), or leave dataPlane out`,
      );
    }
    for (const member of OWN_PROXYS) {
      // Its callers of gRPC without a proxy inject them instead.
      if (spec[member] === undefined || (member === 'faults' && spec.dataPlane === 'proxyless-grpc')) continue;
      report(
        path,
        `${member} with dataPlane: ${spec.dataPlane}`,
        'is carried out by the proxy of the called service, and these pods have none',
        `take ${member} out, or leave dataPlane out`,
      );
    }
  }
});
