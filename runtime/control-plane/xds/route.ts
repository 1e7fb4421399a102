import {
  create, duration, FractionalPercent_DenominatorType, RedirectAction_RedirectResponseCode, RouteAction_ClusterNotFoundResponseCode,
  RouteSchema, type Route, type RouteActionSchema,
} from '../../xds';
import { geohashPrefixes, NO_CHANGES, rulesFor, type Backend, type Call, type Forward, type Match, type Mirrored, type Redirect, type Rule, type Target, type ValueMatch } from '../model';
import { externalHost } from './external-names';
import { hashPolicies } from './hash';
import { changesNothing, headerFields } from './headers';
import type { Init } from './init';
import { clusterName, INVALID_BACKEND } from './names';
import { retryMetadata, retryPolicy } from './retry';
import { replaceAll, xdsRewrite } from './rewrite';

type RouteInit = Init<typeof RouteSchema>;
type ActionInit = Init<typeof RouteActionSchema>;
type HeaderMatcherInit = NonNullable<NonNullable<RouteInit['match']>['headers']>[number];

/** The backend of a key. */
export type BackendLookup = (key: string) => Backend | undefined;

/** A cluster that routes send to. */
export interface ClusterUse {
  readonly backend: Backend;
  /** Region that a geohash named; undefined: the cluster of the caller's own traffic. */
  readonly region: string | undefined;
  /** Of what is outside of the mesh: for bytes that nobody looks into. */
  readonly tunnel?: boolean;
}

const DEFAULT_MATCH: Match = { path: { kind: 'prefix', value: '/' }, method: undefined, headers: [], queryParams: [] };

/** Routes of a backend that is called from a namespace, in the order in which they are tried, and the clusters that they need. */
export function routesOf(call: Call, backend: Backend, namespace: string, backendOf: BackendLookup): { routes: Route[]; uses: ClusterUse[] } {
  const uses: ClusterUse[] = [];
  const routes = (rulesFor(backend, namespace)?.rules ?? [everything(backend)]).flatMap((rule) => routesOfRule(rule, call, backend, backendOf, uses));
  return { routes, uses };
}

/** Without any route a backend serves by itself. */
function everything(backend: Backend): Rule {
  return {
    name: 'default',
    kind: 'http',
    match: DEFAULT_MATCH,
    requestHeaders: NO_CHANGES,
    responseHeaders: NO_CHANGES,
    action: {
      kind: 'forward',
      stickyBy: undefined,
      timeout: { total: undefined, perTry: undefined },
      retry: undefined,
      rewriteHost: undefined,
      rewritePath: undefined,
      targets: [{ backend: backend.key, weight: 1, requestHeaders: NO_CHANGES, responseHeaders: NO_CHANGES }],
    },
  };
}

function routesOfRule(rule: Rule, call: Call, parent: Backend, backendOf: BackendLookup, uses: ClusterUse[]): Route[] {
  const { action } = rule;
  const fields: RouteInit = { name: rule.name, ...headerFields(rule.requestHeaders, rule.responseHeaders) };
  if (action.kind === 'redirect') {
    return [create(RouteSchema, { ...fields, match: routeMatch(rule), action: { case: 'redirect', value: redirect(action, rule.match, parent) } })];
  }
  const targets = liveTargets(action, backendOf);
  const retry = action.retry ?? parent.policies.retry;
  const route = (region: string | undefined, geohash: HeaderMatcherInit[]) => create(RouteSchema, {
    ...fields,
    match: routeMatch(rule, geohash),
    metadata: retryMetadata(retry),
    action: { case: 'route', value: forward(action, rule, call, parent, targets, region, backendOf, uses) },
  });
  const located = targets.find(({ backend }) => backend?.policies.locality?.geohashHeader !== undefined)?.backend;
  if (!located) return [route(undefined, [])];
  const header = located.policies.locality!.geohashHeader!;
  return [
    ...geohashPrefixes(located).map(({ prefix, region }) => route(region, [{
      name: header, headerMatchSpecifier: { case: 'stringMatch', value: { ignoreCase: true, matchPattern: { case: 'prefix', value: prefix } } },
    }])),
    route(undefined, []),
  ];
}

interface LiveTarget extends Omit<Target, 'backend'> {
  readonly backend: Backend | undefined;
}

/** Headers of the mesh's own that are nobody's business outside of it: addresses of clients, and how the application spoke to its proxy. */
const NOT_OUTSIDE = ['x-forwarded-for', 'x-forwarded-proto'];

/** Targets that get traffic; none at all is one that is invalid. */
function liveTargets({ targets }: Forward, backendOf: BackendLookup): LiveTarget[] {
  const live = targets.filter(({ weight }) => weight > 0).map((target): LiveTarget => {
    const backend = target.backend === undefined ? undefined : backendOf(target.backend);
    const { requestHeaders } = target;
    const outside = backend?.external && { requestHeaders: { ...requestHeaders, remove: [...requestHeaders.remove, ...NOT_OUTSIDE] } };
    return { ...target, backend, ...outside };
  });
  return live.length > 0 ? live : [{ backend: undefined, weight: 1, requestHeaders: NO_CHANGES, responseHeaders: NO_CHANGES }];
}

function forward(
  action: Forward, { kind, match: { path } }: Rule, call: Call, parent: Backend, targets: readonly LiveTarget[], region: string | undefined,
  backendOf: BackendLookup, uses: ClusterUse[],
): ActionInit {
  const { total, perTry } = bounds(action, call, parent);
  const rewrite = xdsRewrite(action.rewritePath, path);
  return {
    ...destination(action, targets, region, uses),
    // What cannot be resolved is 500 in an HTTPRoute and UNAVAILABLE in a GRPCRoute, which is 503.
    clusterNotFoundResponseCode: kind === 'grpc' || targets.every(({ backend }) => backend)
      ? RouteAction_ClusterNotFoundResponseCode.SERVICE_UNAVAILABLE : RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR,
    timeout: duration(total ?? 0),
    maxStreamDuration: kind === 'grpc' || parent.protocol !== 'http' ? CALLERS_DEADLINE : undefined,
    retryPolicy: retryPolicy(action.retry ?? parent.policies.retry, perTry, total),
    requestMirrorPolicies: (action.mirrors ?? []).flatMap((mirror) => mirrorPolicy(mirror, backendOf, uses)),
    hashPolicy: hashPolicies(action.stickyBy, targets.flatMap(({ backend }) => backend ?? [])),
    hostRewriteSpecifier: action.rewriteHost === undefined ? undefined : { case: 'hostRewriteLiteral', value: action.rewriteHost },
    prefixRewrite: rewrite?.kind === 'prefix' ? rewrite.value : undefined,
    regexRewrite: rewrite?.kind === 'full' ? replaceAll(rewrite.path) : rewrite?.kind === 'regex' ? rewrite.value : undefined,
  };
}

function mirrorPolicy({ backend: key, perMillion }: Mirrored, backendOf: BackendLookup, uses: ClusterUse[]): NonNullable<ActionInit['requestMirrorPolicies']> {
  const backend = backendOf(key);
  if (!backend) return [];
  uses.push({ backend, region: undefined });
  const defaultValue = { numerator: perMillion, denominator: FractionalPercent_DenominatorType.MILLION };
  const runtimeFraction = perMillion === 1_000_000 ? undefined : { runtimeKey: 'meshwright.mirror', defaultValue };
  return [{ cluster: clusterName(backend, undefined), runtimeFraction }];
}

/** A call of gRPC ends when its caller waits no more; what is left goes on to the next hop in `grpc-timeout`. */
export const CALLERS_DEADLINE = { grpcTimeoutHeaderMax: duration(0) };

/** The caller's own bound is instead of everything that the callee says; a rule's is instead of its service's. 0 is no bound. */
function bounds({ timeout }: Forward, call: Call, { policies }: Backend) {
  const total = call.timeout ? call.timeout.total : timeout.total ?? policies.timeout.total;
  const perTry = call.timeout ? call.timeout.perTry : timeout.perTry ?? policies.timeout.perTry;
  return { total: total || undefined, perTry: perTry || undefined };
}

function destination({ stickyBy, rewriteHost }: Forward, targets: readonly LiveTarget[], region: string | undefined, uses: ClusterUse[]): ActionInit {
  const names = targets.map(({ backend }) => {
    if (!backend) return INVALID_BACKEND;
    const use = { backend, region: backend.policies.locality?.geohashHeader === undefined ? undefined : region };
    uses.push(use);
    return clusterName(backend, use.region);
  });
  const [first, ...more] = targets;
  if (more.length === 0 && changesNothing(first.requestHeaders) && changesNothing(first.responseHeaders)) {
    return { clusterSpecifier: { case: 'cluster', value: names[0] } };
  }
  return {
    clusterSpecifier: {
      case: 'weightedClusters',
      value: {
        clusters: targets.map((target, index) => ({
          name: names[index],
          weight: target.weight,
          ...headerFields(target.requestHeaders, target.responseHeaders),
          hostRewriteSpecifier: rewriteHost === undefined ? hostOf(target) : undefined,
        })),
        randomValueSpecifier: stickyBy ? { case: 'useHashPolicy', value: { value: true } } : undefined,
      },
    },
  };
}

/** What is outside of the mesh is asked by its own name, whatever the request is called in the mesh. */
function hostOf({ backend }: LiveTarget) {
  return backend?.external && { case: 'hostRewriteLiteral' as const, value: externalHost(backend, backend.external) };
}

const CODES: Record<Redirect['status'], RedirectAction_RedirectResponseCode> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

function redirect(action: Redirect, { path }: Match, parent: Backend): Extract<NonNullable<RouteInit['action']>, { case: 'redirect' }>['value'] {
  const rewrite = xdsRewrite(action.path, path);
  return {
    schemeRewriteSpecifier: action.scheme === undefined ? undefined : { case: 'schemeRedirect', value: action.scheme },
    hostRedirect: action.host,
    portRedirect: redirectPort(action, parent),
    pathRewriteSpecifier: rewrite && (
      rewrite.kind === 'full' ? { case: 'pathRedirect', value: rewrite.path }
        : rewrite.kind === 'prefix' ? { case: 'prefixRewrite', value: rewrite.value }
          : { case: 'regexRewrite', value: rewrite.value }
    ),
    responseCode: CODES[action.status],
    stripQuery: false,
  };
}

/**
 * Gateway API: the port that is given, else the default one of the scheme that is given, else the one that was asked. Without a new host xDS keeps
 * the request's `host:port`, so a default port has to be written there; with one it is left out of the Location.
 */
function redirectPort({ scheme, host, port }: Redirect, parent: Backend): number | undefined {
  const usual = scheme === undefined ? undefined : DEFAULT_PORTS[scheme as keyof typeof DEFAULT_PORTS];
  if (host === undefined) return port ?? usual;
  const wanted = port ?? usual ?? parent.port;
  return wanted === (usual ?? DEFAULT_PORTS.http) ? undefined : wanted;
}

/** What every call of gRPC has: `application/grpc`, perhaps with the coding of its messages behind it. */
const GRPC_CALL: HeaderMatcherInit = {
  name: 'content-type', headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'prefix', value: 'application/grpc' } } },
};

function routeMatch({ kind, match: { path, method, headers, queryParams } }: Rule, more: HeaderMatcherInit[] = []): RouteInit['match'] {
  return {
    pathSpecifier: pathSpecifier(path),
    headers: [
      ...method === undefined ? [] : [headerMatcher({ name: ':method', kind: 'exact', value: method })],
      ...kind === 'grpc' ? [GRPC_CALL] : [],
      ...headers.map(headerMatcher),
      ...more,
    ],
    queryParameters: queryParams.map((param) => ({
      name: param.name, queryParameterMatchSpecifier: { case: 'stringMatch', value: stringMatch(param) },
    })),
  };
}

function pathSpecifier({ kind, value }: Match['path']): NonNullable<RouteInit['match']>['pathSpecifier'] {
  if (kind === 'exact') return { case: 'path', value };
  if (kind === 'regex') return { case: 'safeRegex', value: { regex: value } };
  return value === '/' ? { case: 'prefix', value } : { case: 'pathSeparatedPrefix', value };
}

function headerMatcher(match: ValueMatch): HeaderMatcherInit {
  return { name: match.name, headerMatchSpecifier: { case: 'stringMatch', value: stringMatch(match) } };
}

function stringMatch({ kind, value }: ValueMatch) {
  return kind === 'exact' ? { matchPattern: { case: 'exact' as const, value } } : { matchPattern: { case: 'safeRegex' as const, value: { regex: value } } };
}
