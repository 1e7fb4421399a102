import { parseDuration, type MeshResource, type MeshServiceResource } from '../../../src/contract';
import {
  byPrecedence, NO_CHANGES, type Candidate, type Forward, type HeaderChanges, type Match, type PathRewrite, type Redirect, type Rule, type Target,
} from '../model';
import {
  keyOf, type HttpBackendRef, type HttpParentRef, type HttpRouteFilter, type HttpRouteMatch, type HttpRouteRule, type Resource, type ResourceSet,
} from '../resources';
import type { BackendDraft, Backends } from './backends';
import { hashKeyOf, retryOf } from './policies';
import type { Report } from './report';

type Route = Resource<'HTTPRoute'>;
type RulePolicy = NonNullable<MeshServiceResource['spec']['rules']>[number];

/** Rules of all routes by the key of the backend that they are attached to, most specific first. */
export function rulesByBackend(set: ResourceSet, backends: Backends, report: Report): Map<string, Rule[]> {
  const candidates = new Map<string, Candidate[]>();
  for (const route of set.resources.HTTPRoute.values()) {
    for (const parent of parentsOf(route, backends, report)) {
      const policies = rulePolicies(set, parent, route);
      const rules = candidatesOf(route, parent, policies, { set, backends, report });
      candidates.set(parent.key, [...candidates.get(parent.key) ?? [], ...rules]);
    }
  }
  reportUnknownRules(set, candidates, backends, report);
  return new Map([...candidates].map(([key, found]) => [key, byPrecedence(found)]));
}

/** The backends whose traffic the route directs. */
function parentsOf({ id, value }: Route, backends: Backends, report: Report): BackendDraft[] {
  const parents = new Map<string, BackendDraft>();
  value.spec.parentRefs.forEach((ref, index) => {
    const refuse = (reason: string, rule: string) => report.refuseParent(id, index, reason, `spec.parentRefs[${index}] is ${ref.kind} ${ref.name}: ${rule}`);
    if (!isService(ref)) return;
    const namespace = ref.namespace ?? id.namespace;
    if (namespace !== id.namespace) {
      return refuse('UnsupportedValue', `a route in another namespace than its Service is not supported; move the route to namespace ${namespace}`);
    }
    if (ref.sectionName !== undefined) return refuse('UnsupportedValue', 'sectionName is not supported; use port, or leave both out');
    const backend = backends.ofService(namespace, ref.name);
    if (!backend) return refuse('NoMatchingParent', `no MeshService has Service ${namespace}/${ref.name}; create MeshService ${ref.name}, or correct the name`);
    if (backend.protocol === 'tcp') return refuse('UnsupportedProtocol', 'it carries bytes (protocol tcp): there are no requests to route; remove the route');
    if (ref.port !== undefined && ref.port !== backend.port) {
      return refuse('NoMatchingParent', `port is ${ref.port}: the service serves port ${backend.port}; write that, or leave it out`);
    }
    report.attached(id, index);
    parents.set(backend.key, backend);
  });
  return [...parents.values()];
}

function isService({ group, kind }: HttpParentRef): boolean {
  return kind === 'Service' && (group === '' || group === 'core');
}

/** What the MeshService of the parent says of this route's rules, by rule name. */
function rulePolicies(set: ResourceSet, parent: BackendDraft, route: Route): Map<string, RulePolicy> {
  const rules = set.resources.MeshService.get(parent.service ?? '')?.value.spec.rules ?? [];
  const prefix = `${route.id.name}/`;
  return new Map(rules.filter(({ rule }) => rule.startsWith(prefix)).map((policy) => [policy.rule.slice(prefix.length), policy]));
}

function reportUnknownRules(set: ResourceSet, candidates: ReadonlyMap<string, readonly Candidate[]>, backends: Backends, report: Report): void {
  for (const { id, value } of set.resources.MeshService.values()) {
    if (!value.spec.rules) continue;
    const own = backends.all().filter(({ service }) => service === keyOf(id)).flatMap(({ key }) => candidates.get(key) ?? []);
    const names = new Set(own.map(({ rule }) => rule.name));
    value.spec.rules.forEach(({ rule }, index) => {
      if (names.has(rule)) return;
      report.unresolved(id, 'RuleNotFound', `spec.rules[${index}].rule is "${rule}": no route of this service has that rule; there is ${[...names].sort().join(', ') || 'none'}`);
    });
  }
}

interface Context {
  readonly set: ResourceSet;
  readonly backends: Backends;
  readonly report: Report;
}

const EVERYTHING: HttpRouteMatch = { path: { type: 'PathPrefix', value: '/' } };

function candidatesOf(route: Route, parent: BackendDraft, policies: ReadonlyMap<string, RulePolicy>, context: Context): Candidate[] {
  const { id, value } = route;
  return value.spec.rules.flatMap((rule, index) => {
    const name = rule.name ?? `rule-${index}`;
    const action = redirectOf(rule) ?? forwardOf(rule, index, route, parent, policies.get(name), context);
    const headers = { requestHeaders: requestHeadersOf(rule.filters), responseHeaders: responseHeadersOf(rule.filters) };
    const matches = rule.matches.length === 0 ? [EVERYTHING] : rule.matches;
    return matches.map((match, position): Candidate => ({
      rule: { name: `${id.name}/${name}`, match: matchOf(match), action, ...headers },
      createdAt: value.metadata.creationTimestamp ?? '',
      route: keyOf(id),
      order: index * 1000 + position,
    }));
  });
}

function matchOf({ path, method, headers = [], queryParams = [] }: HttpRouteMatch): Match {
  const value = path?.value ?? '/';
  const kind = path?.type === 'Exact' ? 'exact' : path?.type === 'RegularExpression' ? 'regex' : 'prefix';
  const values = (items: typeof headers) => items.map((item) => ({
    name: item.name, kind: item.type === 'RegularExpression' ? 'regex' as const : 'exact' as const, value: item.value,
  }));
  return {
    path: { kind, value: kind === 'prefix' ? value.replace(/\/+$/, '') || '/' : value },
    method,
    headers: values(headers).map((header) => ({ ...header, name: header.name.toLowerCase() })),
    queryParams: values(queryParams),
  };
}

function redirectOf({ filters }: HttpRouteRule): Redirect | undefined {
  const found = filters.find((filter) => filter.type === 'RequestRedirect');
  if (!found) return undefined;
  const { scheme, hostname, port, path, statusCode } = found.requestRedirect;
  return { kind: 'redirect', scheme, host: hostname, port, path: pathRewriteOf(path), status: statusCode };
}

function forwardOf(
  rule: HttpRouteRule, index: number, route: Route, parent: BackendDraft, policy: RulePolicy | undefined, context: Context,
): Forward {
  const rewrite = rule.filters.find((filter) => filter.type === 'URLRewrite')?.urlRewrite;
  if (rule.backendRefs.length === 0) {
    context.report.unresolved(route.id, 'BackendNotFound', `spec.rules[${index}].backendRefs is empty: its requests are answered 500; name a Service, or add a RequestRedirect filter`);
  }
  return {
    kind: 'forward',
    targets: rule.backendRefs.map((ref, at) => targetOf(ref, `spec.rules[${index}].backendRefs[${at}]`, route, parent, context)),
    stickyBy: policy?.stickyBy && hashKeyOf(policy.stickyBy),
    timeout: { total: optional(rule.timeouts?.request), perTry: optional(rule.timeouts?.backendRequest) },
    retry: policy?.retry && retryOf(policy.retry),
    rewriteHost: rewrite?.hostname,
    rewritePath: pathRewriteOf(rewrite?.path),
  };
}

function targetOf(ref: HttpBackendRef, path: string, { id }: Route, parent: BackendDraft, { set, backends, report }: Context): Target {
  const namespace = ref.namespace ?? id.namespace;
  const share = { weight: ref.weight, requestHeaders: requestHeadersOf(ref.filters), responseHeaders: responseHeadersOf(ref.filters) };
  const invalid = (reason: string, message: string): Target => {
    report.unresolved(id, reason, `${path} is Service ${namespace}/${ref.name}, port ${ref.port}: ${message}; its share of the requests is answered 500`);
    return { backend: undefined, ...share };
  };
  if (namespace !== id.namespace && !granted(set, id.namespace, namespace, ref.name)) {
    return invalid('RefNotPermitted', `no ReferenceGrant in namespace ${namespace} admits HTTPRoutes of namespace ${id.namespace}`);
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

function sameMesh(a: BackendDraft, b: BackendDraft): boolean {
  return a.mesh?.metadata.name === b.mesh?.metadata.name && a.mesh?.metadata.namespace === b.mesh?.metadata.namespace;
}

function describeMesh(mesh: MeshResource | undefined): string {
  return mesh ? keyOf(mesh.metadata) : '(missing)';
}

function granted(set: ResourceSet, from: string, to: string, name: string): boolean {
  return [...set.resources.ReferenceGrant.values()].some(({ id, value: { spec } }) => id.namespace === to
    && spec.from.some((one) => one.group === 'gateway.networking.k8s.io' && one.kind === 'HTTPRoute' && one.namespace === from)
    && spec.to.some((one) => one.group === '' && one.kind === 'Service' && (one.name === undefined || one.name === name)));
}

type AnyFilter = HttpRouteFilter | HttpBackendRef['filters'][number];

function requestHeadersOf(filters: readonly AnyFilter[]): HeaderChanges {
  return changesOf(filters.find((filter) => filter.type === 'RequestHeaderModifier')?.requestHeaderModifier);
}

function responseHeadersOf(filters: readonly AnyFilter[]): HeaderChanges {
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

type PathModifier = NonNullable<Extract<HttpRouteFilter, { type: 'URLRewrite' }>['urlRewrite']['path']>;

function pathRewriteOf(path: PathModifier | undefined): PathRewrite | undefined {
  if (!path) return undefined;
  return path.type === 'ReplaceFullPath' ? { kind: 'full', value: path.replaceFullPath } : { kind: 'prefix', value: path.replacePrefixMatch };
}

function optional(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : parseDuration(duration);
}

