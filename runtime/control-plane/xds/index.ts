import type { Cluster, ClusterLoadAssignment, Listener, Secret } from '../../xds';
import type { Authentication, Backend, Locality, MeshModel, Service, Trust } from '../model';
import { cluster, inboundCluster, originalDestinations } from './clusters';
import { bytesChains } from './detection';
import { endpoints } from './endpoints';
import { externalCluster, tunnelCluster } from './external';
import { isGuest, serviceOf } from './guest';
import { trustBundle } from './identity';
import { interceptedListeners, interceptedOutbound } from './interception';
import { bytesListener, filterChains, inboundListener, outboundListener, type FilterChains } from './listeners';
import { bytesListenerName, clusterName, DETECTED, INBOUND, OUTBOUND, PASS_THROUGH, TUNNEL, tunnelName } from './names';
import { clusterWithOwnSvid, listenerWithOwnSvid } from './own-certificate';
import { INVALID_CLUSTER, INVALID_ENDPOINTS, proxyless, proxylessCluster, proxylessEndpoints, speaksHttp2, type Proxyless } from './proxyless';
import type { ClusterUse } from './route';
import { outboundRoutes, type BytesUpstream, type Outbound } from './routes';
import { keysClusters } from './tokens';
import type { ProxyNode, XdsResources } from './types';

export { INBOUND, OUTBOUND } from './names';
export type { ProxyNode, XdsResources } from './types';

const NOTHING: XdsResources = Object.freeze({ clusters: [], endpoints: [], listeners: [], routes: [], secrets: [] });

/**
 * What a proxy runs: a pure function of the mesh and the node. It gets what its service calls and what it serves, and nothing else; a node of a
 * service that is not there gets nothing.
 *
 * Proxies share most of what they get, and most of a mesh stays as it is when something changes. So what was made of a part of the model is
 * remembered with that part: equal resources are one object, which is made and encoded once.
 */
export function xdsResources(model: MeshModel, node: ProxyNode): XdsResources {
  const service = serviceOf(model, node.service);
  if (!service) return NOTHING;
  if (node.agent) return { ...NOTHING, secrets: trustFor(model) };
  if (node.proxyless) return proxylessResources(service, model, node);
  const { made: { routes }, used } = routesFor(service, model);
  const outbound = node.intercepted ? interceptedOutbound(service, model) : undefined;
  const own = [
    ...isGuest(service.key) ? [] : inboundFor(service, node),
    ...service.authentication === undefined ? [] : remembered(madeKeys, service.authentication, keysClusters),
    ...outbound ? [originalDestinations(PASS_THROUGH), ...outbound.clusters] : [],
  ];
  const clusters = [...own, ...used.map(clusterFor)];
  return {
    clusters: clusters.map((made) => clusterWithOwnSvid(made, node.ownSvid)).sort((a, b) => (a.name < b.name ? -1 : 1)),
    endpoints: xdsEndpoints(model, node),
    listeners: xdsListeners(model, node),
    routes: [routes, ...outbound?.routes ?? []],
    secrets: trustFor(model),
  };
}

function trustFor({ trust }: MeshModel): Secret[] {
  return trust === undefined ? [] : [remembered(madeBundles, trust, ({ bundle }) => trustBundle(bundle))];
}

/** No secrets: what a client proves itself by, and whom it trusts, is in files that its bootstrap names. */
function proxylessResources(service: Service, model: MeshModel, node: ProxyNode): XdsResources {
  const { listeners, routes, invalid } = proxylessFor(service, model);
  // What is outside of the mesh takes a proxy, that speaks TLS to it.
  const clusters = routesFor(service, model).used.filter(({ backend }) => speaksHttp2(backend.protocol) && !backend.external)
    .map((use) => proxylessCluster(clusterFor(use)));
  return {
    clusters: [...clusters, ...invalid ? [INVALID_CLUSTER] : []],
    endpoints: [...xdsEndpoints(model, node), ...invalid ? [INVALID_ENDPOINTS] : []],
    listeners,
    routes,
    secrets: [],
  };
}

function proxylessFor(service: Service, model: MeshModel): Proxyless {
  const called = new Map(service.calls.flatMap(({ backend: key }) => {
    const backend = model.backends.get(key);
    if (!backend || backend.external) return [];
    const own = backend.service === undefined ? undefined : model.services.get(backend.service);
    return [[clusterName(backend), { backend, faults: own?.sidecar === false ? own.faults : undefined }] as const];
  }));
  return proxyless(routesFor(service, model).made.routes.virtualHosts, (virtualHost) => called.get(virtualHost));
}

/** The endpoints of a proxy alone. @param of keys of the backends that are asked about; without it all. */
export function xdsEndpoints(model: MeshModel, node: ProxyNode, of?: ReadonlySet<string>): ClusterLoadAssignment[] {
  const service = serviceOf(model, node.service);
  if (!service || node.agent) return [];
  const { used } = routesFor(service, model);
  // What is outside brings its endpoints with its cluster.
  const asked = used.filter(({ backend }) => backend.external === undefined && (!of || of.has(backend.key)));
  const localities = ({ backend }: ClusterUse) => model.endpoints.get(backend.key) ?? NO_LOCALITIES;
  const assignment = (use: ClusterUse) => endpointsFor(use, localities(use), node.region);
  const called = node.proxyless ? asked.filter(({ backend }) => speaksHttp2(backend.protocol)) : asked;
  return node.proxyless ? called.map(assignment).map(proxylessEndpoints) : called.map(assignment);
}

/** Keys of the backends whose endpoints differ, where nothing else does; undefined where anything does. */
export function changedEndpoints(before: MeshModel, after: MeshModel): ReadonlySet<string> | undefined {
  const { services, backends, guests, trust } = after;
  if (before.services !== services || before.backends !== backends || before.guests !== guests || before.trust !== trust) return undefined;
  return new Set([...after.endpoints.keys()].filter((key) => before.endpoints.get(key) !== after.endpoints.get(key)));
}

/** The listeners of a proxy alone: only they differ between the proxies of a service in one region with the same loopback. */
export function xdsListeners(model: MeshModel, node: ProxyNode): Listener[] {
  const service = serviceOf(model, node.service);
  if (!service || node.agent) return [];
  if (node.proxyless) return [...proxylessFor(service, model).listeners];
  const bytesListeners = routesFor(service, model).made.bytes.map((upstream) => bytesListenerFor(service, upstream, node));
  const own = node.intercepted ? interceptedListeners(service, model, chainsFor(service), node) : listenersFor(service, node);
  const all = [...own, ...bytesListeners.sort((a, b) => (a.name < b.name ? -1 : 1))];
  return all.map((made) => listenerWithOwnSvid(made, node.ownSvid));
}

const NO_LOCALITIES: readonly Locality[] = [];
/** What is remembered of one part at once. */
const MOST_REMEMBERED = 4096;

interface MadeRoutes {
  readonly made: Outbound;
  /** What is used, once each, in the order of names. */
  readonly used: readonly ClusterUse[];
  /** The last model that they were right for. */
  model: MeshModel;
  /** What was looked up on the way. The same again, and the routes are the same. */
  readonly seen: ReadonlyMap<string, Backend | undefined>;
}

const madeRoutes = new WeakMap<Service, MadeRoutes>();
const madeChains = new WeakMap<Service, FilterChains>();
const madeListeners = new WeakMap<Service, Map<string, Listener>>();
const madeBytesListeners = new WeakMap<Backend, Map<string, Listener>>();
const madeInbound = new WeakMap<Service, Map<string, Cluster>>();
const madeClusters = new WeakMap<Backend, Map<string, Cluster>>();
const madeKeys = new WeakMap<Authentication, readonly Cluster[]>();
const madeBundles = new WeakMap<Trust, Secret>();
const madeEndpoints = new WeakMap<readonly Locality[], WeakMap<Backend, Map<string, ClusterLoadAssignment>>>();

function routesFor(service: Service, model: MeshModel): MadeRoutes {
  const before = madeRoutes.get(service);
  if (before?.model === model) return before;
  if (before && [...before.seen].every(([key, backend]) => model.backends.get(key) === backend)) {
    before.model = model;
    return before;
  }
  const seen = new Map<string, Backend | undefined>();
  const made = outboundRoutes(service, (key) => {
    const backend = model.backends.get(key);
    seen.set(key, backend);
    return backend;
  });
  const byName = new Map(made.uses.map((use) => [use.tunnel ? tunnelName(use.backend) : clusterName(use.backend, use.region), use]));
  const used = [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, use]) => use);
  const result = { made, used, seen, model };
  madeRoutes.set(service, result);
  return result;
}

function chainsFor(service: Service): FilterChains {
  return remembered(madeChains, service, () => filterChains(service));
}

/** That of the pod has its address; the other one is the same for all pods. */
function listenersFor(service: Service, node: ProxyNode): Listener[] {
  const chains = chainsFor(service);
  const made = remembered(madeListeners, service, () => new Map<string, Listener>());
  return [
    rememberedIn(made, `${INBOUND} ${node.podIp}`, () => inboundListener(chains, node)),
    rememberedIn(made, `${OUTBOUND} ${node.loopback}`, () => outboundListener(chains, node)),
  ];
}

/** Callers share it: it depends on the called, and on where the caller's loopback is. */
function bytesListenerFor({ mesh }: Service, { backend, localPort }: BytesUpstream, { loopback }: ProxyNode): Listener {
  const made = remembered(madeBytesListeners, backend, () => new Map<string, Listener>());
  return rememberedIn(made, `${loopback}:${localPort}/${mesh.accessLogPercent ?? ''}`, () => {
    const name = bytesListenerName(backend);
    return bytesListener(name, localPort, bytesChains(name, mesh, backend), loopback);
  });
}

function inboundFor(service: Service, node: ProxyNode): Cluster[] {
  const made = remembered(madeInbound, service, () => new Map<string, Cluster>());
  return [undefined, ...service.detects ? DETECTED : []]
    .map((detected) => rememberedIn(made, `${node.loopback}/${detected ?? ''}`, () => inboundCluster(service, node, detected)));
}

function clusterFor({ backend, region, tunnel = false }: ClusterUse): Cluster {
  const made = remembered(madeClusters, backend, () => new Map<string, Cluster>());
  const { external } = backend;
  if (external) return rememberedIn(made, tunnel ? TUNNEL : '', () => (tunnel ? tunnelCluster : externalCluster)(backend, external));
  return rememberedIn(made, region ?? '', () => cluster(backend, region));
}

function endpointsFor({ backend, region }: ClusterUse, localities: readonly Locality[], own: string | undefined): ClusterLoadAssignment {
  // The empty list is shared by all backends, so the backend is part of what is remembered.
  const made = remembered(remembered(madeEndpoints, localities, () => new WeakMap()), backend, () => new Map<string, ClusterLoadAssignment>());
  // Without a policy every caller sees the same.
  const first = backend.policies.locality ? region ?? own : undefined;
  return rememberedIn(made, `${region ?? ''}/${first ?? ''}`, () => endpoints(backend, localities, first, region));
}

function remembered<K extends object, V>(map: WeakMap<K, V>, key: K, make: (key: K) => V): V {
  const found = map.get(key) ?? make(key);
  map.set(key, found);
  return found;
}

function rememberedIn<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key) ?? make();
  // Pods come and go while their service stays.
  if (map.size >= MOST_REMEMBERED) map.clear();
  map.set(key, found);
  return found;
}
