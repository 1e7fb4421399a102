import type { IBackend } from '../backend';
import { GROUP } from '../contract/names';
import type { HttpFilter, HeaderChanges } from '../http-filter';
import type { HttpMatch, StringMatch } from '../http-match';
import type { HttpRule, Weighted } from '../http-rule';

/** Name of a rule: its own, or by its place. */
export function ruleName(rule: { readonly _options: { readonly name?: string } }, index: number): string {
  return rule._options.name ?? `rule-${index + 1}`;
}

/** `HTTPRoute.spec`, nothing left to Gateway API's defaults. */
export function httpRouteSpec(service: IBackend, rules: readonly HttpRule[]) {
  return {
    parentRefs: [{ group: '', kind: 'Service', name: service.backendName, port: service.backendPort }],
    rules: rules.map((rule, index) => {
      const { matches, filters = [], timeout } = rule._options;
      const { total, perTry } = timeout?._toSpec() ?? {};
      return {
        name: ruleName(rule, index),
        matches: matchesOf(matches),
        filters: emptyIsNone([...redirectOf(rule), ...filtersOf(filters, service.backendNamespace)]),
        timeouts: timeout === undefined ? undefined : { request: total, backendRequest: perTry },
        backendRefs: emptyIsNone(rule._backends.map((backend) => backendRef(backend, service.backendNamespace))),
      };
    }),
  };
}

/** `HTTPRouteRule.matches`. */
export function matchesOf(matches: readonly HttpMatch[] | undefined) {
  return matches === undefined || matches.length === 0 ? [{ path: { type: 'PathPrefix', value: '/' } }] : matches.map(matchOf);
}

const PATH_TYPES: Readonly<Record<string, string>> = { exact: 'Exact', prefix: 'PathPrefix', regex: 'RegularExpression' };

function matchOf({ path, method, headers = {}, queryParams = {} }: HttpMatch) {
  return {
    path: path === undefined ? { type: 'PathPrefix', value: '/' } : { type: PATH_TYPES[path._kind]!, value: path._value },
    method,
    headers: headerMatches(headers),
    queryParams: emptyIsNone(Object.entries(queryParams).map(([name, match]) => ({ name, ...valueMatch(match) }))),
  };
}

/** `headers` of a match. */
export function headerMatches(headers: Readonly<Record<string, StringMatch>>) {
  return emptyIsNone(Object.entries(headers).map(([name, match]) => ({ name: name.toLowerCase(), ...valueMatch(match) })));
}

function valueMatch({ _kind: kind, _value: value }: StringMatch) {
  if (kind === 'exact') return { type: 'Exact', value };
  return { type: 'RegularExpression', value: kind === 'prefix' ? `${value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}.*` : value };
}

/** A backend as a rule names it. */
export function backendRef({ _backend: backend, _weight: weight }: Pick<Weighted, '_backend' | '_weight'>, namespace: string) {
  const { backendName: name, backendNamespace, backendPort: port } = backend;
  return { ...objectOf(backend), name, namespace: backendNamespace === namespace ? undefined : backendNamespace, port, weight };
}

/** Group and kind of what stands for a backend. */
function objectOf({ backendKind }: IBackend) {
  return backendKind === 'ExternalService' ? { group: GROUP, kind: 'ExternalService' } : { group: '', kind: 'Service' };
}

/** What a rule of either kind of route sends to. */
interface AnyRule {
  readonly _backends: readonly Weighted[];
  readonly _options: { readonly filters?: readonly HttpFilter[] };
}

/** Backends that a rule copies to. */
export function mirrorsOf({ _options: { filters = [] } }: AnyRule): IBackend[] {
  return filters.flatMap(({ _spec: spec }) => spec.kind === 'mirror' ? [spec.backend] : []);
}

/** Backends that requests of a rule come to, copies included. */
export function destinationsOf(rule: AnyRule): IBackend[] {
  return [...rule._backends.map(({ _backend }) => _backend), ...mirrorsOf(rule)];
}

/** `ReferenceGrant.spec` for each other namespace that the rules send to: there, a route of this one may name these Services (GEP-709). */
export function referenceGrants(
  service: IBackend, rules: readonly AnyRule[], kind: string,
): Map<string, object> {
  const named = new Map<string, Map<string, object>>();
  for (const backend of rules.flatMap(destinationsOf)) {
    const { backendNamespace, backendName } = backend;
    if (backendNamespace === service.backendNamespace) continue;
    const to = objectOf(backend);
    named.set(backendNamespace, (named.get(backendNamespace) ?? new Map()).set(`${to.kind}/${backendName}`, { ...to, name: backendName }));
  }
  const from = [{ group: 'gateway.networking.k8s.io', kind, namespace: service.backendNamespace }];
  return new Map([...named].map(([namespace, to]) => [namespace, { from, to: [...to.values()] }]));
}

function redirectOf({ _redirect: redirect }: HttpRule) {
  if (redirect === undefined) return [];
  const { scheme, hostname, port, path } = parseLocation(redirect.location) ?? {};
  return [{
    type: 'RequestRedirect',
    requestRedirect: {
      scheme,
      hostname,
      port,
      statusCode: redirect.statusCode,
      path: path === undefined ? undefined : { type: 'ReplaceFullPath', replaceFullPath: path },
    },
  }];
}

/** The parts of a redirect's location; undefined where Gateway API cannot say it. */
export function parseLocation(location: string) {
  const [, scheme, hostname, port, path] = /^(?:(https?):\/\/([a-z0-9.-]+)(?::(\d{1,5}))?)?(\/[^?#\s]*)?$/.exec(location) ?? [];
  if (hostname === undefined && path === undefined) return undefined;
  return { scheme, hostname, port: port === undefined ? undefined : Number(port), path };
}

/** `filters` of a rule: Gateway API has one `URLRewrite` for path and host. */
export function filtersOf(filters: readonly HttpFilter[], namespace: string) {
  const rendered: object[] = [];
  const rewrite: { hostname?: string; path?: object } = {};
  for (const { _spec: spec } of filters) {
    if ('changes' in spec) {
      const changes = headerChanges(spec.changes);
      rendered.push(spec.kind === 'requestHeaders'
        ? { type: 'RequestHeaderModifier', requestHeaderModifier: changes }
        : { type: 'ResponseHeaderModifier', responseHeaderModifier: changes });
    } else if (spec.kind === 'mirror') {
      const { weight, ...ref } = backendRef({ _backend: spec.backend, _weight: 0 }, namespace);
      rendered.push({ type: 'RequestMirror', requestMirror: { backendRef: ref, percent: spec.percent } });
    } else if (spec.kind === 'rewriteHost') {
      rewrite.hostname = spec.value;
    } else if (spec.kind === 'rewritePath') {
      rewrite.path = { type: 'ReplaceFullPath', replaceFullPath: spec.value };
    } else {
      rewrite.path = { type: 'ReplacePrefixMatch', replacePrefixMatch: spec.value };
    }
  }
  if (Object.keys(rewrite).length > 0) rendered.push({ type: 'URLRewrite', urlRewrite: rewrite });
  return rendered;
}

function headerChanges({ set = {}, add = {}, remove = [] }: HeaderChanges) {
  const listed = (headers: Readonly<Record<string, string>>) => emptyIsNone(Object.entries(headers).map(([name, value]) => ({ name, value })));
  return { set: listed(set), add: listed(add), remove: emptyIsNone([...remove]) };
}

/** A list that is not emitted where nothing is in it. */
export function emptyIsNone<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}
