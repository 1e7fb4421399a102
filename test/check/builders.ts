import type { CallEdge, EmittedObject, ExternalNode, MeshGraph, MeshNode, RouteMatch, RouteNode, RouteRule, ServiceNode, VersionNode } from '../../src/check/graph';
import type { MeshSpec } from '../../src/contract/mesh';
import type { MeshServiceSpec } from '../../src/contract/mesh-service';

/** Graphs in few words, for the tests of the checks. Everything is in namespace `shop` and mesh `shop/mesh` unless it says otherwise. */

const NONE: ReadonlyMap<string, string> = new Map();
type Writable<T> = { -readonly [K in keyof T]?: T[K] };

export function meshNode(spec: Writable<MeshSpec> = {}): MeshNode {
  return { path: 'shop/mesh', acknowledged: NONE, name: 'mesh', namespace: 'shop', spec: { trustDomain: 'shop.example', encryption: 'strict', authorization: 'enforce', certificateLifetime: '24h', regions: [], ...spec } };
}

export function region(name: string, zones: string[] = [], geohashes: string[] = []): MeshSpec['regions'][number] {
  return { name, zones, geohashes };
}

type Pod = VersionNode['pod'];
type Container = Pod['containers'][number];

export function container(fields: Partial<Container> = {}): Container {
  return { name: 'app', image: 'shop/app:1.0.0', ports: [], env: [], runAsUser: undefined, isProxy: false, ...fields };
}

const PROXY = container({ name: 'meshwright-proxy', image: 'meshwright/proxy:latest', ports: [{ name: 'mesh', number: 15006, protocol: 'TCP' }], runAsUser: 1337, isProxy: true });

type Declared = NonNullable<MeshServiceSpec['calls']>[number];

export interface ServiceOptions {
  readonly spec?: Partial<MeshServiceSpec>;
  readonly mesh?: string;
  readonly intercepted?: boolean;
  readonly replicas?: number;
  /** Versions beside the base, by name. */
  readonly versions?: Readonly<Record<string, { readonly replicas?: number; readonly containers?: readonly Container[]; readonly unlisted?: true }>>;
  readonly calls?: readonly (string | (Partial<CallEdge> & { readonly to: string } & Pick<Partial<Declared>, 'timeout' | 'localPort' | 'allow'>))[];
  readonly facts?: Partial<ServiceNode['facts']>;
  readonly containers?: readonly Container[];
  readonly grace?: number;
  readonly pod?: Partial<Pod>;
}

/** A service. A call is the name of a service or of a version's Kubernetes Service; `graph` finds out whose it is. */
export function service(name: string, options: ServiceOptions = {}): ServiceNode {
  const { replicas = 3, versions = {}, calls = [], grace = 30 } = options;
  const path = `shop/${name}`;
  const edges = calls.map((call) => (typeof call === 'string' ? { to: call } : call));
  const pod = (containers: readonly Container[] = [container()]): Pod => (
    { containers: [...containers, PROXY], terminationGracePeriodSeconds: grace, ...options.pod }
  );
  const timeouts = edges.map(({ to, namespace = 'shop', timeout, localPort, allow }) => ({ service: to, namespace, timeout, localPort, ...allow && { allow } }));
  const listed = Object.entries(versions).filter(([, { unlisted }]) => !unlisted).map(([version]) => ({ name: version, service: `${name}-${version}` }));
  return {
    path,
    acknowledged: NONE,
    key: path,
    name,
    namespace: 'shop',
    mesh: options.mesh ?? 'shop/mesh',
    spec: {
      mesh: { name: 'mesh', namespace: 'shop' },
      serviceAccount: name,
      port: { number: 8080, protocol: 'http' },
      loadBalancer: { leastRequest: { choices: 2 } },
      versions: listed.length === 0 ? undefined : listed,
      calls: timeouts.length === 0 ? undefined : timeouts,
      ...options.spec,
    },
    versions: [
      { path, acknowledged: NONE, name: 'base', service: name, replicas, pod: pod(options.containers) },
      ...Object.entries(versions).map(([version, { replicas: own = replicas, containers }]) => (
        { path: `${path}/${version}`, acknowledged: NONE, name: version, service: `${name}-${version}`, replicas: own, pod: pod(containers) }
      )),
    ],
    calls: edges.map(({ to, timeout: _, localPort: __, allow: ___, ...rest }) => ({ path, target: `shop/${to}`, service: to, namespace: 'shop', requestsPerSecond: undefined, ...rest })),
    ...options.intercepted && { intercepted: true },
    facts: { expectedLatency: undefined, idempotentMethods: [], ...options.facts },
  };
}

export function retry(attempts: number, base = '100ms', fields: Partial<NonNullable<MeshServiceSpec['retry']>> = {}): NonNullable<MeshServiceSpec['retry']> {
  return { attempts, retryOn: ['gateway-error'], methods: ['GET'], backoff: { baseInterval: base, maxInterval: '10s', jitterPercent: 0 }, ...fields };
}

export function match(fields: Partial<RouteMatch> = {}): RouteMatch {
  return { path: undefined, method: undefined, headers: [], queryParams: [], ...fields };
}

export const prefix = (value: string): Pick<RouteMatch, 'path'> => ({ path: { type: 'PathPrefix', value } });
export const exact = (value: string): Pick<RouteMatch, 'path'> => ({ path: { type: 'Exact', value } });
export const regex = (value: string): Pick<RouteMatch, 'path'> => ({ path: { type: 'RegularExpression', value } });
export const header = (name: string, value: string, type: 'Exact' | 'RegularExpression' = 'Exact'): Pick<RouteMatch, 'headers'> => ({ headers: [{ name, value, type }] });

export interface BackendOptions {
  readonly weight?: number;
  readonly port?: number;
  readonly version?: string;
}

/** A rule to the backends, each the name of a Kubernetes Service with its options. */
export function rule(
  name: string, matches: readonly RouteMatch[], backends: Readonly<Record<string, BackendOptions>>, fields: Partial<RouteRule> = {},
): RouteRule {
  return {
    name,
    matches: matches.length === 0 ? [match()] : matches,
    backends: Object.entries(backends).map(([to, { weight = 1, port = 8080, version = 'base' }]) => ({
      target: `shop/${to}`, version, service: version === 'base' ? to : `${to}-${version}`, namespace: 'shop', port, weight,
    })),
    redirect: false,
    totalTimeout: undefined,
    perTryTimeout: undefined,
    stickyBy: false,
    retry: undefined,
    ...fields,
  };
}

export function route(name: string, parent: string, ...rules: readonly RouteRule[]): RouteNode {
  return { path: `shop/${name}`, acknowledged: NONE, name, namespace: 'shop', parent: `shop/${parent}`, parentName: parent, rules };
}

export function grpcRoute(name: string, parent: string, ...rules: readonly RouteRule[]): RouteNode {
  return { ...route(name, parent, ...rules), grpc: true };
}

export function object(kind: string, name: string, path = `shop/${kind}-${name}`, apiVersion = 'v1', namespace: string | undefined = 'shop'): EmittedObject {
  return { path, apiVersion, kind, name, namespace };
}

export interface ExternalOptions {
  readonly hostname?: string;
  readonly port?: number;
  readonly protocol?: 'http' | 'http2' | 'grpc' | 'tcp';
  readonly tls?: boolean;
  readonly addresses?: readonly string[];
  readonly mesh?: string;
}

/** Something outside of the mesh, at `api.<name>.example`. */
export function external(name: string, options: ExternalOptions = {}): ExternalNode {
  const { hostname = `api.${name}.example`, port = 443, protocol = 'http', tls = true, addresses, mesh = 'shop/mesh' } = options;
  return {
    path: `shop/${name}`,
    acknowledged: NONE,
    key: `shop/${name}`,
    name,
    namespace: 'shop',
    mesh,
    spec: {
      mesh: { name: 'mesh', namespace: 'shop' },
      hostname,
      port: { number: port, protocol },
      tls: tls ? {} : undefined,
      endpoints: addresses?.map((address) => ({ address })),
      loadBalancer: { roundRobin: {} },
    },
  };
}

type Part = ServiceNode | ExternalNode | RouteNode | MeshNode | EmittedObject;

/** The graph of these parts; a mesh is added where none is given. */
export function graph(...parts: readonly Part[]): MeshGraph {
  const written = parts.filter((part): part is ServiceNode => 'facts' in part);
  const externals = parts.filter((part): part is ExternalNode => 'spec' in part && 'hostname' in part.spec);
  const outside = new Set(externals.map(({ key }) => key));
  const outsideOf = (key: string | undefined) => (key !== undefined && outside.has(key) ? { external: key } : {});
  const owners = new Map(written.flatMap(({ key, versions }) => versions.map((version) => [`shop/${version.service}`, key])));
  const own = (key: string | undefined): string | undefined => (key === undefined ? undefined : owners.get(key));
  const resolved = <T extends { readonly target: string | undefined }>(to: T) => ({ ...to, ...outsideOf(to.target), target: own(to.target) });
  const services = written.map((one) => ({ ...one, calls: one.calls.map(resolved) }));
  const meshes = parts.filter((part): part is MeshNode => 'spec' in part && 'trustDomain' in part.spec);
  return {
    meshes: meshes.length > 0 ? meshes : [meshNode()],
    services,
    externals,
    routes: parts.filter((part): part is RouteNode => 'rules' in part).map((one) => ({
      ...one,
      parent: own(one.parent),
      rules: one.rules.map((each) => ({ ...each, backends: each.backends.map(resolved) })),
    })),
    byKey: new Map(services.map((one) => [one.key, one])),
    objects: parts.filter((part): part is EmittedObject => 'kind' in part),
  };
}
