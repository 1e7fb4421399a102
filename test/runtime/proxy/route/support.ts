import type {
  HeaderMutation, NamedMatchConfig, PathMatchConfig, RedirectConfig, RouteActionConfig, RouteConfig, ValueMatchConfig,
  VirtualHostConfig, WeightedClusterConfig,
} from '../../../../runtime/proxy/config/types';
import { compileRouteTable, type ForwardAction, type RequestHead, type RouteMatch, type RouteTable } from '../../../../runtime/proxy/route';

export const nothing: HeaderMutation = { remove: [], set: [], append: [] };

export function weighted(cluster: string, weight = 1, change: Partial<WeightedClusterConfig> = {}): WeightedClusterConfig {
  return { cluster, weight, requestHeaders: nothing, responseHeaders: nothing, ...change };
}

export function forward(change: Partial<RouteActionConfig> = {}): RouteActionConfig {
  return {
    kind: 'route',
    clusters: [weighted('payment')],
    clusterByHash: false,
    clusterNotFoundStatus: 503,
    rewrite: undefined,
    hostRewrite: undefined,
    timeout: 15_000,
    maxDuration: undefined,
    idleTimeout: undefined,
    websocket: undefined,
    retry: undefined,
    hash: [],
    mirrors: [],
    ...change,
  };
}

export function redirect(change: Partial<RedirectConfig> = {}): RedirectConfig {
  return {
    kind: 'redirect',
    scheme: undefined,
    host: undefined,
    port: undefined,
    path: undefined,
    rewrite: undefined,
    statusCode: 301,
    stripQuery: false,
    ...change,
  };
}

export const prefix = (value: string, ignoreCase = false): PathMatchConfig => ({ kind: 'prefix', value, ignoreCase });
export const exact = (value: string, ignoreCase = false): PathMatchConfig => ({ kind: 'exact', value, ignoreCase });
export const separated = (value: string, ignoreCase = false): PathMatchConfig => ({ kind: 'path_separated_prefix', value, ignoreCase });
export const regex = (value: string): PathMatchConfig => ({ kind: 'regex', value });

export const named = (name: string, match: ValueMatchConfig, invert = false): NamedMatchConfig => ({ name, match, invert });
export const is = (value: string, ignoreCase = false): ValueMatchConfig => ({ kind: 'exact', value, ignoreCase });

export interface RouteSketch extends Partial<Omit<RouteConfig, 'match'>> {
  readonly path?: PathMatchConfig;
  readonly headers?: readonly NamedMatchConfig[];
  readonly queryParams?: readonly NamedMatchConfig[];
  readonly fraction?: number;
}

export function route(name: string, { path = prefix('/'), headers = [], queryParams = [], fraction = 1_000_000, ...rest }: RouteSketch = {}): RouteConfig {
  return {
    name,
    match: { path, headers, queryParams, fractionPerMillion: fraction },
    action: forward(),
    requestHeaders: nothing,
    responseHeaders: nothing,
    filters: new Map(),
    ...rest,
  };
}

export function virtualHost(domains: readonly string[], routes: readonly RouteConfig[], change: Partial<VirtualHostConfig> = {}): VirtualHostConfig {
  return { name: domains[0]!, domains, routes, requestHeaders: nothing, responseHeaders: nothing, ...change };
}

export function table(...virtualHosts: VirtualHostConfig[]): RouteTable {
  return compileRouteTable({ name: 'outbound', virtualHosts }, { random: () => 0.5 });
}

/** A table of one virtual host for all, with these routes. */
export const routes = (...given: RouteConfig[]) => table(virtualHost(['*'], given));

export function head(path: string, change: Partial<Omit<RequestHead, 'header'>> & { headers?: Readonly<Record<string, string>> } = {}): RequestHead {
  const { headers = {}, ...rest } = change;
  return {
    method: 'GET',
    path,
    authority: 'payment:8080',
    scheme: 'http',
    peerAddress: '10.0.0.9',
    ...rest,
    header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
  };
}

export const never = (): number => {
  throw new Error('no chance was to be needed');
};

export function matched(given: RouteTable, request: RequestHead, random: () => number = never): RouteMatch {
  const found = given.match(request, random);
  if (!found) throw new Error(`nothing matches ${request.authority}${request.path}`);
  return found;
}

export function nameOf(given: RouteTable, request: RequestHead, random: () => number = never): string | undefined {
  return given.match(request, random)?.config.name;
}

export function forwardOf(match: RouteMatch): ForwardAction {
  if (match.action.kind !== 'route') throw new Error(`${match.fullName} does not forward`);
  return match.action;
}
