import { INBOUND_PORT, OUTBOUND_PORT } from '../../../src/contract';
import {
  create, FilterChainMatchSchema, RouteConfigurationSchema, type Cluster, type FilterChain, type Listener, type RouteConfiguration,
} from '../../xds';
import type { Backend, Call, MeshModel, Service } from '../model';
import { originalDestinations } from './clusters';
import { bytesChains } from './detection';
import type { Outside } from './external-names';
import { isGuest } from './guest';
import { clientSocket } from './identity';
import { interceptedListener, outboundChain, type FilterChains } from './listeners';
import { clusterName, INBOUND, OUTBOUND, PASS_THROUGH, PODS } from './names';
import { deniedChain, outsideChains } from './outside';
import { routesOf, type BackendLookup } from './route';
import { isOutside } from './routes';
import { tcpChain } from './tcp-proxy';
import type { ProxyNode } from './types';

/** What the calls of a service become where connections are redirected, beside what they are otherwise. */
interface Outbound {
  readonly chains: readonly FilterChain[];
  readonly clusters: readonly Cluster[];
  readonly routes: readonly RouteConfiguration[];
}

const made = new WeakMap<Service, { readonly model: MeshModel; readonly outbound: Outbound }>();

/** The same object for all nodes of a service under one model. */
export function interceptedOutbound(service: Service, model: MeshModel): Outbound {
  const before = made.get(service);
  if (before?.model === model) return before.outbound;
  const result = outbound(service, model, (key) => model.backends.get(key));
  made.set(service, { model, outbound: result });
  return result;
}

/**
 * Chains by where a connection was meant to go. Outbound, the address of a called Service decides, whatever a request's Host says; addresses of its pods,
 * as headless Services and those who know a pod have them, go to that pod, encrypted, past routes and balancing; who sends to the proxy itself is told
 * by Host, as without interception. Inbound, the application's port is served as the proxy's own.
 */
export function interceptedListeners(service: Service, model: MeshModel, chains: FilterChains, node: ProxyNode): Listener[] {
  const called = interceptedOutbound(service, model).chains;
  const guest = isGuest(service.key);
  const pass = passThrough(service);
  const open = isOpen(service);
  const otherwise = open ? pass : deniedChain(service);
  const [v4, v6] = [false, true].map((wanted) => (node.addresses ?? [node.podIp]).filter((address) => address.includes(':') === wanted));
  const explicit = { ...chains.outbound, name: 'explicit', filterChainMatch: matching([], OUTBOUND_PORT) } as FilterChain;
  const inbound = inboundChains(service, chains, guest);
  const listener = (name: string, address: string, port: number) => interceptedListener(
    name, address, port, port === INBOUND_PORT,
    port === INBOUND_PORT ? inbound : [explicit, ...called], port === INBOUND_PORT ? (guest || service.encryption === 'permissive') && pass : otherwise,
  );
  return [
    ...v4.map((address, index) => listener(index === 0 ? INBOUND : `${INBOUND}-${address}`, address, INBOUND_PORT)),
    ...v6.map((address, index) => listener(index === 0 ? `${INBOUND}-v6` : `${INBOUND}-${address}`, address, INBOUND_PORT)),
    listener(OUTBOUND, node.loopback, OUTBOUND_PORT),
    ...v6.length > 0 ? [listener(`${OUTBOUND}-v6`, '::1', OUTBOUND_PORT)] : [],
  ];
}

/** Each chain for the port that callers dial, and for that of the application, to which others are redirected. */
function inboundChains(service: Service, { inbound }: FilterChains, guest: boolean): FilterChain[] {
  if (guest) return [];
  return [INBOUND_PORT, service.port].flatMap((port) => inbound.map((chain) => ({
    ...chain,
    name: port === INBOUND_PORT ? chain.name : `${chain.name}:${port}`,
    filterChainMatch: { ...chain.filterChainMatch ?? matching([], port), destinationPort: port },
  } as FilterChain)));
}

function passThrough({ mesh }: Service): FilterChain {
  return { ...tcpChain(PASS_THROUGH, mesh, { cluster: PASS_THROUGH, idleTimeout: undefined, bySource: false }), name: PASS_THROUGH } as FilterChain;
}

function outbound(service: Service, model: MeshModel, backendOf: BackendLookup): Outbound {
  const chains: FilterChain[] = [];
  const clusters: Cluster[] = [];
  const routes: RouteConfiguration[] = [];
  for (const call of service.calls) {
    const backend = backendOf(call.backend);
    if (!backend) continue;
    const name = `${OUTBOUND}:${clusterName(backend)}`;
    const { addresses = [], port } = backend;
    if (addresses.length > 0) {
      const match = matching(addresses, port);
      if (backend.protocol === 'tcp') {
        for (const bytes of bytesChains(name, service.mesh, backend)) {
          const { destinationPort, prefixRanges } = match;
          chains.push({
            ...bytes,
            name: bytes.name === '' ? clusterName(backend) : `${clusterName(backend)}/${bytes.name}`,
            filterChainMatch: bytes.filterChainMatch === undefined ? match : { ...bytes.filterChainMatch, destinationPort, prefixRanges },
          } as FilterChain);
        }
      } else {
        const { routes: ofBackend } = routesOf(call, backend, service.namespace, backendOf);
        const virtualHosts = [{ name: clusterName(backend), domains: ['*'], routes: ofBackend }];
        routes.push(create(RouteConfigurationSchema, { name, virtualHosts, validateClusters: false }));
        chains.push({ ...outboundChain(name, service), name: clusterName(backend), filterChainMatch: match } as FilterChain);
      }
    }
    if (backend.service === undefined) continue;
    const transportSocket = backend.tls && clientSocket(backend, backend.tls.identity);
    clusters.push(originalDestinations(podsOf(backend), { port: INBOUND_PORT, transportSocket }));
    const direct = toPods(service, model, backend);
    if (direct) chains.push(direct);
  }
  // A guest says nothing of what it calls beside the mesh, and reaches all of it as it is.
  if (isGuest(service.key)) return { chains, clusters, routes };
  const outside = service.calls.flatMap((call): [Call, Outside][] => {
    const backend = backendOf(call.backend);
    return backend && isOutside(backend) ? [[call, backend]] : [];
  });
  const beside = outsideChains({ ...service, outside: { ...service.outside, everything: isOpen(service) } }, outside, backendOf, chains);
  return { chains: [...chains, ...beside.chains], clusters: [...clusters, ...beside.clusters], routes: [...routes, ...beside.routes] };
}

/** What nothing else says anything of is passed on: of guests, of who says so, and where nobody is known. */
function isOpen({ key, mesh: { security }, outside: { everything } }: Service): boolean {
  return isGuest(key) || security === 'none' || everything;
}

/** Cluster of connections to a pod of the mesh by its own address: the pod that was meant, as who it has to be. */
function podsOf(backend: Backend): string {
  return `${PODS}${clusterName(backend)}`;
}

function toPods(service: Service, model: MeshModel, backend: Backend): FilterChain | undefined {
  const localities = model.endpoints.get(backend.key) ?? [];
  const pods = localities.flatMap(({ endpoints, secondFamily = [] }) => [...endpoints.map(({ address }) => address), ...secondFamily]);
  if (pods.length === 0) return undefined;
  const name = podsOf(backend);
  const { idleTimeout, maxConnectionDuration } = backend.policies;
  const chain = tcpChain(name, service.mesh, { cluster: name, idleTimeout, maxConnectionDuration, bySource: false });
  return { ...chain, name, filterChainMatch: matching([...new Set(pods)].sort(), backend.port) } as FilterChain;
}

function matching(addresses: readonly string[], port: number): NonNullable<FilterChain['filterChainMatch']> {
  return create(FilterChainMatchSchema, {
    destinationPort: port,
    prefixRanges: addresses.map((addressPrefix) => ({ addressPrefix, prefixLen: addressPrefix.includes(':') ? 128 : 32 })),
  });
}
