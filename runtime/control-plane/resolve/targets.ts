import type { MeshResource } from '../../../src/contract';
import { NO_CHANGES, type HeaderChanges, type Mirrored, type Target } from '../model';
import { keyOf, type BackendRef, type HeaderFilter, type HttpRouteFilter, type RequestMirror, type Resource, type ResourceSet, type RouteKind } from '../resources';
import type { BackendDraft, Backends } from './backends';
import type { Report } from './report';

/** What rules of routes are resolved in. */
export interface Context {
  readonly set: ResourceSet;
  readonly backends: Backends;
  readonly report: Report;
}

/** Where a reference of a rule sends its share of the requests; to nowhere, which is told, where it cannot be followed. */
export function targetOf(
  ref: BackendRef, path: string, { id }: Resource<RouteKind>, parent: BackendDraft, { set, backends, report }: Context,
  otherwise = `its share of the requests is answered ${id.kind === 'GRPCRoute' ? 'UNAVAILABLE' : '500'}`,
): Target {
  const namespace = ref.namespace ?? id.namespace;
  const share = { weight: ref.weight, requestHeaders: requestHeadersOf(ref.filters), responseHeaders: responseHeadersOf(ref.filters) };
  const invalid = (reason: string, message: string): Target => {
    report.unresolved(id, reason, `${path} is ${ref.kind} ${namespace}/${ref.name}, port ${ref.port}: ${message}; ${otherwise}`);
    return { backend: undefined, ...share };
  };
  // What the parent of a consumer's route serves by itself it would get without that route: no grant is needed to send it there.
  const itself = namespace === parent.namespace && ref.name === parent.name;
  if (namespace !== id.namespace && !itself && !granted(set, id, namespace, ref)) {
    return invalid('RefNotPermitted', `no ReferenceGrant in namespace ${namespace} admits ${id.kind}s of namespace ${id.namespace}`);
  }
  if (ref.kind === 'ExternalService') {
    const external = backends.ofExternal(namespace, ref.name);
    if (!external) return invalid('BackendNotFound', 'it does not exist');
    if (external.port !== ref.port) return invalid('BackendNotFound', `it is reached at port ${external.port}`);
    if (external.protocol === 'tcp') return invalid('UnsupportedProtocol', 'it carries bytes (protocol tcp), not requests');
    if (!sameMesh(external, parent)) return invalid('WrongMesh', `it belongs to mesh ${describeMesh(external.mesh)}, the route to mesh ${describeMesh(parent.mesh)}`);
    return { backend: external.key, ...share };
  }
  const service = set.resources.Service.get(keyOf({ namespace, name: ref.name }));
  if (!service) return invalid('BackendNotFound', 'it does not exist');
  const ports = service.value.spec.ports.map(({ port }) => port);
  if (!ports.includes(ref.port)) return invalid('BackendNotFound', `it serves ${ports.length === 0 ? 'no port' : `port ${ports.join(', ')}`}`);
  const meshed = backends.ofService(namespace, ref.name);
  if (meshed && meshed.port !== ref.port) return invalid('BackendNotFound', `MeshService ${meshed.service} serves port ${meshed.port}`);
  if (meshed?.protocol === 'tcp') return invalid('UnsupportedProtocol', `MeshService ${meshed.service} carries bytes (protocol tcp), not requests`);
  if (meshed && !sameMesh(meshed, parent)) return invalid('WrongMesh', `it belongs to mesh ${describeMesh(meshed.mesh)}, the route to mesh ${describeMesh(parent.mesh)}`);
  return { backend: (meshed ?? backends.plain(namespace, ref.name, ref.port, parent.mesh, id)).key, ...share };
}

/** Where copies go, by the RequestMirror filters of a rule; undefined where there are none. What cannot be followed gets none, and is told. */
export function mirrorsOf(
  filters: readonly AnyFilter[], path: string, route: Resource<RouteKind>, parent: BackendDraft, context: Context,
): Mirrored[] | undefined {
  const mirrors = filters.flatMap((filter, index) => {
    if (filter.type !== 'RequestMirror') return [];
    const { backendRef, percent, fraction } = filter.requestMirror;
    const ref = { ...backendRef, weight: 1, filters: [] };
    const { backend } = targetOf(ref, `${path}.filters[${index}].requestMirror.backendRef`, route, parent, context, 'no request is copied to it');
    const perMillion = fraction === undefined ? (percent ?? 100) * 10_000 : Math.round(fraction.numerator * 1_000_000 / fraction.denominator);
    return backend === undefined ? [] : [{ backend, perMillion }];
  });
  return mirrors.length === 0 ? undefined : mirrors;
}

function sameMesh(a: BackendDraft, b: BackendDraft): boolean {
  return a.mesh?.metadata.name === b.mesh?.metadata.name && a.mesh?.metadata.namespace === b.mesh?.metadata.namespace;
}

function describeMesh(mesh: MeshResource | undefined): string {
  return mesh ? keyOf(mesh.metadata) : '(missing)';
}

function granted(set: ResourceSet, { kind, namespace: from }: Resource<RouteKind>['id'], to: string, ref: BackendRef): boolean {
  return [...set.resources.ReferenceGrant.values()].some(({ id, value: { spec } }) => id.namespace === to
    && spec.from.some((one) => one.group === 'gateway.networking.k8s.io' && one.kind === kind && one.namespace === from)
    && spec.to.some((one) => one.group === ref.group && one.kind === ref.kind && (one.name === undefined || one.name === ref.name)));
}

type AnyFilter = HttpRouteFilter | HeaderFilter | RequestMirror;

export function requestHeadersOf(filters: readonly AnyFilter[]): HeaderChanges {
  return changesOf(filters.find((filter) => filter.type === 'RequestHeaderModifier')?.requestHeaderModifier);
}

export function responseHeadersOf(filters: readonly AnyFilter[]): HeaderChanges {
  return changesOf(filters.find((filter) => filter.type === 'ResponseHeaderModifier')?.responseHeaderModifier);
}

type HeaderModifier = Extract<HttpRouteFilter, { type: 'RequestHeaderModifier' }>['requestHeaderModifier'];

function changesOf(modifier: HeaderModifier | undefined): HeaderChanges {
  if (!modifier) return NO_CHANGES;
  const lower = (headers: { name: string; value: string }[]) => headers.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
  return {
    set: lower(modifier.set ?? []), add: lower(modifier.add ?? []), remove: (modifier.remove ?? []).map((name) => name.toLowerCase()),
  };
}
