import {
  create, duration, FilterChainMatchSchema, FilterSchema, HttpRbacPerRouteSchema, HttpRbacSchema, HttpFilterSchema, NetworkRbacSchema, packAny,
  RouteConfigurationSchema, type Cluster, type FilterChain, type RouteConfiguration, type VirtualHost, VirtualHostSchema,
} from '../../xds';
import type { Call, Service } from '../model';
import { originalDestinations } from './clusters';
import { HTTP_PORT, HTTPS_PORT, type Outside } from './external-names';
import type { Init } from './init';
import { outboundChain } from './listeners';
import { clusterName, OUTSIDE, PASS_THROUGH, tunnelName } from './names';
import type { BackendLookup } from './route';
import { externalHosts } from './routes';
import { tcpChain } from './tcp-proxy';

/** Cluster of requests that go on to where their connection was meant to go. */
const PASS_REQUESTS = `${PASS_THROUGH}-http`;

/** What becomes of connections that were meant for something outside of the mesh. */
export interface OutsideChains {
  readonly chains: readonly FilterChain[];
  readonly clusters: readonly Cluster[];
  readonly routes: readonly RouteConfiguration[];
}

type Match = Exclude<Init<typeof FilterChainMatchSchema>, undefined>;

/**
 * The chains of what a service may reach beside the mesh, by what a connection says of itself:
 *
 *     a network that is allowed                    → where it was meant to go
 *     TLS, the name of a called ExternalService    → to where that name leads, whatever address was dialed
 *     TLS to port 443, a name that is allowed      → where it was meant to go
 *     HTTP, to port 80 or that of one              → by Host
 *     the port of a called ExternalService of tcp  → to it
 *
 * What Envoy's matcher finds by port or address it does not look for without; so each port that is told apart has all that holds for every port.
 */
export function outsideChains(
  service: Service, called: readonly (readonly [Call, Outside])[], backendOf: BackendLookup, others: readonly FilterChain[],
): OutsideChains {
  const { hosts, networks, everything } = service.outside;
  const requests = called.filter(([, { protocol }]) => protocol !== 'tcp');
  const chains: FilterChain[] = [];
  const add = (chain: FilterChain, name: string, match: Match) => {
    chains.push({ ...chain, name, filterChainMatch: create(FilterChainMatchSchema, match) } as FilterChain);
  };

  const tlsPorts = new Set<number>();
  for (const [, backend] of called) {
    const { hostname, tls } = backend.external;
    // Its port says enough, and where the server speaks first nothing else would be said.
    if (backend.protocol === 'tcp' && !tls && called.filter(([, { port }]) => port === backend.port).length === 1) continue;
    const cluster = backend.protocol === 'tcp' && !tls ? clusterName(backend) : tunnelName(backend);
    tlsPorts.add(backend.port);
    add(bytes(service, cluster, backend), `${OUTSIDE}:${clusterName(backend)}`, { destinationPort: backend.port, serverNames: [hostname], transportProtocol: 'tls' });
  }
  if (hosts.length > 0) {
    tlsPorts.add(HTTPS_PORT);
    const own = new Set(called.filter(([, { port }]) => port === HTTPS_PORT).map(([, { external }]) => external.hostname));
    const serverNames = hosts.filter((host) => !own.has(host));
    if (serverNames.length > 0) add(bytes(service, PASS_THROUGH), `${OUTSIDE}:hosts`, { destinationPort: HTTPS_PORT, serverNames, transportProtocol: 'tls' });
  }
  const httpPorts = new Set([HTTP_PORT, ...requests.map(([, { port }]) => port)]);
  for (const port of httpPorts) {
    add(requestsChain(service), `${OUTSIDE}:http:${port}`, { destinationPort: port, ...tlsPorts.has(port) && { transportProtocol: 'raw_buffer' } });
  }
  const byPort = new Set<number>(httpPorts);
  for (const [, backend] of called.filter(([, { protocol }]) => protocol === 'tcp')) {
    const { port, external: { endpoints } } = backend;
    const name = `${OUTSIDE}:port:${clusterName(backend)}`;
    for (const own of new Set(endpoints?.map((one) => one.port))) {
      const addresses = endpoints!.filter((one) => one.port === own).map(({ address }) => `${address}/${address.includes(':') ? 128 : 32}`);
      add(bytes(service, clusterName(backend), backend), `${name}:${own}`, { destinationPort: own, prefixRanges: ranges(addresses) });
    }
    // Of two that only their names tell apart, the first has what says no name; synth and status have said so.
    if (endpoints !== undefined || byPort.has(port)) continue;
    byPort.add(port);
    add(bytes(service, clusterName(backend), backend), name, { destinationPort: port, ...backend.external.tls && { transportProtocol: 'raw_buffer' } });
  }
  if (networks.length > 0) {
    const all = [...others, ...chains];
    for (const port of [undefined, ...new Set(all.map(({ filterChainMatch }) => filterChainMatch!.destinationPort!))]) {
      const known = new Set(all.filter(({ filterChainMatch }) => filterChainMatch!.destinationPort === port).flatMap(({ filterChainMatch }) => (
        filterChainMatch!.prefixRanges.map(({ addressPrefix, prefixLen }) => `${addressPrefix}/${prefixLen}`))));
      const left = networks.filter((network) => !known.has(network));
      const name = `${OUTSIDE}:networks${port === undefined ? '' : `:${port}`}`;
      const match = { ...port !== undefined && { destinationPort: port }, prefixRanges: ranges(left) };
      if (left.length > 0) add(bytes(service, PASS_THROUGH), name, match);
    }
  }
  const { virtualHosts } = externalHosts(requests, service, backendOf, new Set());
  const passes = everything ? ['*'] : hosts;
  const taken = new Set(virtualHosts.flatMap(({ domains }) => domains));
  const passed = passes.flatMap((host) => (host === '*' ? [host] : [host, `${host}:${HTTP_PORT}`])).filter((host) => !taken.has(host));
  return {
    chains,
    clusters: passed.length > 0 ? [originalDestinations(PASS_REQUESTS, { protocol: 'http' })] : [],
    routes: [create(RouteConfigurationSchema, {
      name: OUTSIDE,
      validateClusters: false,
      virtualHosts: [...virtualHosts, ...passed.length > 0 ? [passing(passed)] : [], ...everything ? [] : [denying(service)]],
    })],
  };
}

/** Everything else: closed, and logged with what is missing. */
export function deniedChain(service: Service): FilterChain {
  const chain = tcpChain(OUTSIDE, service.mesh, { cluster: PASS_THROUGH, idleTimeout: undefined, bySource: false });
  const rbac = create(NetworkRbacSchema, { statPrefix: rulesOf(service), rules: {} });
  const filter = create(FilterSchema, { name: 'envoy.filters.network.rbac', configType: { case: 'typedConfig', value: packAny(NetworkRbacSchema, rbac) } });
  return { ...chain, name: `${OUTSIDE}:denied`, filters: [filter, ...chain.filters] } as FilterChain;
}

/** The name of rules about what leaves the mesh, with who it leaves. */
function rulesOf({ name, namespace }: Service): string {
  return `${OUTSIDE}:${name}.${namespace}`;
}

function bytes({ mesh }: Service, cluster: string, backend?: Outside): FilterChain {
  const policies = backend?.protocol === 'tcp' ? backend.policies : undefined;
  return tcpChain(OUTSIDE, mesh, {
    cluster, idleTimeout: policies?.idleTimeout, maxConnectionDuration: policies?.maxConnectionDuration, bySource: policies?.loadBalancer.kind === 'ring-hash',
  });
}

const RBAC = 'envoy.filters.http.rbac';

function requestsChain(service: Service): FilterChain {
  // Rules stand at the virtual host that denies.
  const rbac = create(HttpRbacSchema, { rulesStatPrefix: rulesOf(service) });
  const filter = { name: RBAC, configType: { case: 'typedConfig' as const, value: packAny(HttpRbacSchema, rbac) } };
  return outboundChain(OUTSIDE, service, [create(HttpFilterSchema, filter)]);
}

/** Envoy answers what its rules deny by 403, our proxy by 502: a host outside that nobody has allowed is no host. */
function denying(service: Service): VirtualHost {
  const perRoute = create(HttpRbacPerRouteSchema, { rbac: { rulesStatPrefix: rulesOf(service), rules: {} } });
  return create(VirtualHostSchema, {
    name: 'denied',
    domains: ['*'],
    routes: [{
      name: 'denied',
      match: { pathSpecifier: { case: 'prefix', value: '/' } },
      typedPerFilterConfig: { [RBAC]: packAny(HttpRbacPerRouteSchema, perRoute) },
      action: { case: 'directResponse', value: { status: 502 } },
    }],
  });
}

function passing(domains: string[]): VirtualHost {
  return create(VirtualHostSchema, {
    name: PASS_REQUESTS,
    domains,
    routes: [{
      name: PASS_REQUESTS,
      match: { pathSpecifier: { case: 'prefix', value: '/' } },
      requestHeadersToRemove: ['x-forwarded-for', 'x-forwarded-proto'],
      action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: PASS_REQUESTS }, timeout: duration(0) } },
    }],
  });
}

function ranges(networks: readonly string[]) {
  return networks.map((network) => {
    const [addressPrefix, length] = network.split('/') as [string, string];
    return { addressPrefix, prefixLen: Number(length) };
  });
}
