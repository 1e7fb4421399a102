import { defineCheck } from './define';

/** A GRPCRoute of a service that speaks HTTP/1.1: gRPC is carried by HTTP/2 only, so there is no call to route. */
export const grpcNeedsHttp2 = defineCheck('MW148', 'error', 'grpc-needs-http2', ({ routes, byKey }, report) => {
  for (const { path, grpc, parent, rules } of routes) {
    if (grpc !== true) continue;
    const keys = new Set([parent, ...rules.flatMap(({ backends }) => backends.map(({ target }) => target))]);
    for (const key of keys) {
      const service = byKey.get(key ?? '');
      if (service?.spec.port.protocol !== 'http') continue;
      const { number } = service.spec.port;
      report(path, `service ${service.path} with port http(${number})`, 'must speak gRPC: calls are carried by HTTP/2', `write ServicePort.grpc(${number}), or an HttpRoute`);
    }
  }
});
