import { defineCheck } from './define';

/** Claims that nobody verifies are there for nobody: such a rule denies everything. */
export const claimsWithoutToken = defineCheck('MW156', 'error', 'claims-without-token', (graph, report) => {
  for (const { path, calls, spec } of graph.services) {
    for (const { target, service, namespace } of calls) {
      const called = target === undefined ? undefined : graph.byKey.get(target);
      if (called === undefined || called.spec.authentication !== undefined) continue;
      const declared = spec.calls?.find((call) => call.service === service && call.namespace === namespace);
      const claims = (declared?.allow ?? []).flatMap(({ http, grpc }) => http?.claims ?? grpc?.claims ?? []);
      if (claims.length === 0) continue;
      const names = [...new Set(claims.map(({ name }) => name))].join(', ');
      report(path, `calls(${service}.${namespace}).allow: claims ${names}`, `needs a check of tokens: ${service}.${namespace} has none, so that no request has claims and all are denied`,
        `give ${service} authentication: JwtAuthentication.oidc(…), or take the claims out`);
    }
  }
});
