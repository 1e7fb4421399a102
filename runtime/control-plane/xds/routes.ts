import {
  create, duration, GrpcLimitsSchema, packAny, RouteConfigurationSchema, type MessageInit, type RouteConfiguration, type RouteSchema,
  type VirtualHost, VirtualHostSchema,
} from '../../xds';
import type { Backend, Call, Service } from '../model';
import { externalDomains, type Outside } from './external-names';
import { clusterName, domains, INBOUND, inboundClusterName, OUTBOUND, tunnelName, type DetectedProtocol } from './names';
import { CALLERS_DEADLINE, routesOf, type BackendLookup, type ClusterUse } from './route';

const HTTP_PORT = 80;

/** A backend of bytes, and the port of the loopback at which it is reached. */
export interface BytesUpstream {
  readonly backend: Backend;
  readonly localPort: number;
}

/** What the calls of a service become. */
export interface Outbound {
  readonly routes: RouteConfiguration;
  readonly bytes: readonly BytesUpstream[];
  readonly uses: readonly ClusterUse[];
}

/**
 * A virtual host for each call of the service; what it does not call has none, and is answered 404. A backend of bytes, that no request names, has a
 * port of its own instead.
 */
export function outboundRoutes(service: Service, backendOf: BackendLookup): Outbound {
  const uses: ClusterUse[] = [];
  const bytes: BytesUpstream[] = [];
  const virtualHosts: VirtualHost[] = [];
  const called = service.calls.flatMap(({ backend }) => backendOf(backend) ?? []);
  const outside: [Call, Outside][] = [];
  for (const call of service.calls) {
    const backend = backendOf(call.backend);
    if (!backend) continue;
    if (call.localPort !== undefined) {
      bytes.push({ backend, localPort: call.localPort });
      uses.push({ backend, region: undefined });
      continue;
    }
    if (isOutside(backend)) {
      outside.push([call, backend]);
      continue;
    }
    const made = routesOf(call, backend, service.namespace, backendOf);
    uses.push(...made.uses);
    virtualHosts.push(create(VirtualHostSchema, {
      name: clusterName(backend),
      domains: domains(backend, service.namespace, service.mesh.clusterDomain, backend === portlessOf(backend, called)),
      routes: made.routes,
    }));
  }
  const hosts = externalHosts(outside, service, backendOf, new Set(virtualHosts.flatMap(({ domains: names }) => names)));
  uses.push(...hosts.uses);
  virtualHosts.push(...hosts.virtualHosts);
  const routes = create(RouteConfigurationSchema, { name: OUTBOUND, virtualHosts, validateClusters: false });
  return { routes, bytes, uses };
}

/** A virtual host for each called service outside of the mesh, by its host name. Who asks for a tunnel to it speaks TLS with it himself. */
export function externalHosts(
  outside: readonly (readonly [Call, Outside])[], service: Service, backendOf: BackendLookup, taken: Set<string>,
): { readonly virtualHosts: VirtualHost[]; readonly uses: ClusterUse[] } {
  const names = externalDomains(outside.map(([, backend]) => backend), taken);
  const uses: ClusterUse[] = [];
  const virtualHosts = outside.flatMap(([call, backend]): VirtualHost[] => {
    const ofBackend = names.get(backend)!;
    if (ofBackend.length === 0) return [];
    const made = routesOf(call, backend, service.namespace, backendOf);
    uses.push(...made.uses, { backend, region: undefined, tunnel: true });
    return [create(VirtualHostSchema, { name: clusterName(backend), domains: ofBackend, routes: [tunnelRoute(backend), ...made.routes] })];
  });
  return { virtualHosts, uses };
}

function tunnelRoute(backend: Backend): MessageInit<typeof RouteSchema> {
  return {
    name: 'tunnel',
    match: { pathSpecifier: { case: 'connectMatcher', value: {} } },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: tunnelName(backend) },
        timeout: duration(0),
        upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
      },
    },
  };
}

export function isOutside(backend: Backend): backend is Outside {
  return backend.external !== undefined;
}

function messageLimits({ messageLimit }: Service) {
  if (messageLimit === undefined) return undefined;
  const limits = create(GrpcLimitsSchema, { maxRequestMessageBytes: messageLimit, maxResponseMessageBytes: messageLimit });
  return { typedFilterMetadata: { 'meshwright.grpc': packAny(GrpcLimitsSchema, limits) } };
}

/** Of the ports of one Service that are called, the one that a name without a port means: that of HTTP, else the lowest. */
function portlessOf({ name, namespace }: Backend, called: readonly Backend[]): Backend {
  const ports = called.filter((one) => one.name === name && one.namespace === namespace);
  return ports.find(({ port }) => port === HTTP_PORT) ?? ports.reduce((lowest, one) => (one.port < lowest.port ? one : lowest));
}

/** Everything to the pod's own application, without a bound: the callers' proxies have set theirs. */
export function inboundRoutes(service: Service, detected?: DetectedProtocol): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: INBOUND,
    validateClusters: false,
    virtualHosts: [{
      name: INBOUND,
      domains: ['*'],
      routes: [{
        name: INBOUND,
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        metadata: messageLimits(service),
        action: {
          case: 'route',
          value: {
            clusterSpecifier: { case: 'cluster', value: inboundClusterName(service.port, detected) },
            timeout: duration(0),
            maxStreamDuration: (detected ?? service.protocol) === 'http' ? undefined : CALLERS_DEADLINE,
          },
        },
      }],
    }],
  });
}
