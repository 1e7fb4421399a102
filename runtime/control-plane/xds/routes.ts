import { create, duration, RouteConfigurationSchema, type RouteConfiguration, type VirtualHost, VirtualHostSchema } from '../../xds';
import type { Service } from '../model';
import { clusterName, domains, INBOUND, inboundClusterName, OUTBOUND } from './names';
import { routesOf, type BackendLookup, type ClusterUse } from './route';

/** A virtual host for each call of the service; what it does not call has none, and is answered 404. */
export function outboundRoutes(service: Service, backendOf: BackendLookup): { routes: RouteConfiguration; uses: ClusterUse[] } {
  const uses: ClusterUse[] = [];
  const virtualHosts: VirtualHost[] = [];
  for (const call of service.calls) {
    const backend = backendOf(call.backend);
    if (!backend) continue;
    const made = routesOf(call, backend, backendOf);
    uses.push(...made.uses);
    virtualHosts.push(create(VirtualHostSchema, { name: clusterName(backend), domains: domains(backend, service.namespace), routes: made.routes }));
  }
  const routes = create(RouteConfigurationSchema, { name: OUTBOUND, virtualHosts, validateClusters: false });
  return { routes, uses };
}

/** Everything to the pod's own application, without a bound: the callers' proxies have set theirs. */
export function inboundRoutes(service: Service): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: INBOUND,
    validateClusters: false,
    virtualHosts: [{
      name: INBOUND,
      domains: ['*'],
      routes: [{
        name: INBOUND,
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: inboundClusterName(service.port) }, timeout: duration(0) } },
      }],
    }],
  });
}
