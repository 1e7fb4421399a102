import { defineCheck } from './define';

/** A route of a service whose requests no proxy sees: none of its rules would ever match. */
export const routeNeedsHttp = defineCheck('MW108', 'error', 'route-needs-http', ({ routes, byKey }, report) => {
  for (const { path, parent } of routes) {
    const service = byKey.get(parent ?? '');
    if (service?.spec.port.protocol !== 'tcp') continue;
    report(path, `service ${service.path} with port tcp(${service.spec.port.number})`, 'must speak HTTP: a tcp port has no requests to match', 'take the route out, or write ServicePort.http(…)');
  }
});
