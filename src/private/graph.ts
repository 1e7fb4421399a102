import { ApiObject } from 'cdk8s';
import { IConstruct } from 'constructs';
import type { IBackend } from '../backend';
import type { CallEdge, EmittedObject, ExternalNode, MeshGraph, MeshNode, RouteMatch, RouteNode, RouteRule, ServiceNode } from '../check/graph';
import { parseDuration } from '../contract/duration';
import { BASE_VERSION } from '../contract/names';
import type { ExternalService } from '../external-service';
import type { GrpcRule } from '../grpc-rule';
import type { HttpRule } from '../http-rule';
import type { Mesh } from '../mesh';
import type { MeshService } from '../mesh-service';
import { millisecondsOf } from './duration';
import { grpcMatchFacts } from './grpc-route-spec';
import { matchesOf, mirrorsOf, ruleName } from './http-route-spec';
import type { PodGroup } from './pod-group';
import type { Registry } from './registry';
import type { Route } from './route';

/** Which service, and which version of it, a Kubernetes Service stands for; by `<namespace>/<name>`. */
type Backends = ReadonlyMap<string, { readonly key: string; readonly version: string }>;

const NONE: ReadonlyMap<string, string> = new Map();

/** The program as the checks see it. */
export function buildGraph(registry: Registry): MeshGraph {
  const acknowledged = (construct: IConstruct) => acknowledgedOn(registry, construct);
  const backends = backendsOf(registry.services);
  const services = registry.services.map((service) => serviceNode(service, backends, acknowledged));
  const objects = registry.root.node.findAll().filter(ApiObject.isApiObject);
  return {
    meshes: registry.meshes.map((mesh) => meshNode(mesh, acknowledged)),
    services,
    externals: registry.externals.map((external) => externalNode(external, acknowledged)),
    routes: registry.routes.map((route) => routeNode(route, backends, acknowledged)),
    byKey: new Map(services.map((service) => [service.key, service])),
    objects: objects.map(emitted),
    podSecurity: new Map(objects.filter(({ kind }) => kind === 'Namespace').flatMap(enforcedLevel)),
  };
}

function acknowledgedOn({ acknowledgements }: Registry, construct: IConstruct): ReadonlyMap<string, string> {
  if (acknowledgements.size === 0) return NONE;
  return new Map(construct.node.scopes.flatMap((scope) => [...acknowledgements.get(scope) ?? []]));
}

function backendsOf(services: readonly MeshService[]): Backends {
  const backends = new Map<string, { key: string; version: string }>();
  for (const service of services) {
    const key = keyOf(service);
    backends.set(key, { key, version: BASE_VERSION });
    for (const version of service._versions) backends.set(keyOf(version), { key, version: version.versionName });
  }
  return backends;
}

function keyOf({ backendNamespace, backendName }: IBackend): string {
  return `${backendNamespace}/${backendName}`;
}

type Acknowledged = (construct: IConstruct) => ReadonlyMap<string, string>;

function meshNode(mesh: Mesh, acknowledged: Acknowledged): MeshNode {
  const { node: { path }, meshName: name, meshNamespace: namespace, _consul: consul } = mesh;
  return { path, acknowledged: acknowledged(mesh), name, namespace, spec: mesh._checkedSpec(), ...consul && { consul: true } };
}

function externalNode(external: ExternalService, acknowledged: Acknowledged): ExternalNode {
  const { node: { path }, backendName: name, backendNamespace: namespace, mesh } = external;
  return { path, acknowledged: acknowledged(external), key: keyOf(external), name, namespace, mesh: mesh.node.path, spec: external._checked().spec };
}

/** Key of what is outside of the mesh. A service of the same name is another thing. */
function outside(backend: IBackend): string | undefined {
  return backend.backendKind === 'ExternalService' ? keyOf(backend) : undefined;
}

function inside(backend: IBackend, backends: Backends) {
  return outside(backend) === undefined ? backends.get(keyOf(backend)) : undefined;
}

function serviceNode(service: MeshService, backends: Backends, acknowledged: Acknowledged): ServiceNode {
  const { path } = service.node;
  const { expectedLatency, idempotentMethods = [] } = service._props;
  const base = versionOf(service, service._pods, acknowledged);
  return {
    path,
    acknowledged: base.acknowledged,
    key: keyOf(service),
    name: service.backendName,
    namespace: service.backendNamespace,
    mesh: service.mesh.node.path,
    spec: service._checked().spec,
    versions: [base, ...service._versions.map((version) => versionOf(version, version._pods, acknowledged))],
    calls: service._calls.map(({ upstream, options }): CallEdge => ({
      path,
      target: inside(upstream, backends)?.key,
      external: outside(upstream),
      service: upstream.backendName,
      namespace: upstream.backendNamespace,
      requestsPerSecond: options.requestsPerSecond,
      concurrentRequests: options.concurrentRequests,
    })),
    intercepted: service._interception !== undefined,
    facts: { expectedLatency: expectedLatency === undefined ? undefined : millisecondsOf(expectedLatency), idempotentMethods },
  };
}

function versionOf(construct: IConstruct, pods: PodGroup, acknowledged: Acknowledged) {
  return {
    path: construct.node.path,
    acknowledged: acknowledged(construct),
    name: pods.version,
    service: pods.kubernetesService,
    replicas: pods.replicas,
    pod: pods.facts(),
  };
}

function routeNode(route: Route, backends: Backends, acknowledged: Acknowledged): RouteNode {
  const parent = keyOf(route.service);
  return {
    path: route.node.path,
    acknowledged: acknowledged(route),
    name: route._name,
    grpc: route._kind === 'GRPCRoute',
    namespace: route.service.backendNamespace,
    parent: backends.has(parent) ? parent : undefined,
    parentName: route.service.backendName,
    rules: route._kind === 'GRPCRoute'
      ? route._rules.map((rule, index) => grpcRule(rule, index, backends)) : route._rules.map((rule, index) => httpRule(rule, index, backends)),
  };
}

function httpRule(rule: HttpRule, index: number, backends: Backends): RouteRule {
  const { matches, timeout } = rule._options;
  const { total, perTry } = timeout?._toSpec() ?? {};
  return {
    ...ruleFacts(rule, index, backends),
    matches: matchesOf(matches).map((match): RouteMatch => ({ method: undefined, headers: [], queryParams: [], ...defined(match) } as RouteMatch)),
    redirect: rule._redirect !== undefined,
    totalTimeout: total === undefined ? undefined : parseDuration(total),
    perTryTimeout: perTry === undefined ? undefined : parseDuration(perTry),
  };
}

function grpcRule(rule: GrpcRule, index: number, backends: Backends): RouteRule {
  const { matches = [] } = rule._options;
  return {
    ...ruleFacts(rule, index, backends),
    matches: (matches.length === 0 ? [{}] : matches).map(grpcMatchFacts),
    redirect: false,
    totalTimeout: undefined,
    perTryTimeout: undefined,
  };
}

function ruleFacts(rule: HttpRule | GrpcRule, index: number, backends: Backends) {
  const { stickyBy, retry } = rule._options;
  return {
    name: ruleName(rule, index),
    // A mirror has no share of the requests, and has to be there like any other.
    backends: [...rule._backends, ...mirrorsOf(rule).map((_backend) => ({ _backend, _weight: 0 }))].map(({ _backend: backend, _weight: weight }) => {
      const known = inside(backend, backends);
      return {
        target: known?.key,
        external: outside(backend),
        version: known?.version ?? BASE_VERSION,
        service: backend.backendName,
        namespace: backend.backendNamespace,
        port: backend.backendPort,
        weight,
      };
    }),
    mirrors: mirrorsOf(rule).map(({ backendName, backendNamespace }) => `${backendName}.${backendNamespace}`),
    stickyBy: stickyBy !== undefined,
    retry: retry?._toSpec(),
  };
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>;
}

/** @see https://kubernetes.io/docs/concepts/security/pod-security-admission/ */
function enforcedLevel(namespace: ApiObject): [string, string][] {
  const level = (namespace.toJson().metadata?.labels ?? {})['pod-security.kubernetes.io/enforce'];
  return level === undefined ? [] : [[namespace.name, String(level)]];
}

function emitted(object: ApiObject): EmittedObject {
  const { apiVersion, kind, name, metadata } = object;
  return { path: object.node.path, apiVersion, kind, name, namespace: metadata.namespace };
}
