import type { HeaderMutation, PathMatchConfig, RouteConfig, VirtualHostConfig } from '../config/types';
import { compileAction } from './action';
import { combineMutations } from './header-mutation';
import { compilePattern } from './regex';
import { compileRewrite } from './rewrite';
import type { RequestHead, RouteMatch } from './types';
import { compileHeaderMatch, compileQueryMatch, type HeadMatcher } from './value-match';

const MILLION = 1_000_000;

/** A route of a virtual host, ready to be asked. */
export interface CompiledRoute {
  /** Its place among the routes of the virtual host. */
  readonly index: number;
  readonly result: RouteMatch;
  /** Whether the path, `length` characters of it without query and fragment, is this route's. */
  matchesPath(path: string, length: number): boolean;
  /** Headers and query parameters, all of which must match. */
  readonly conditions: readonly HeadMatcher[];
  /** Of a million. */
  readonly fraction: number;
}

/** @param report is told what does not compile, with the field that it stands in. */
export function compileRoute(
  host: VirtualHostConfig, route: RouteConfig, index: number, random: () => number, report: (field: string, error: unknown) => void,
): CompiledRoute | undefined {
  let failed = false;
  const attempt = <T>(field: string, compile: () => T): T | undefined => {
    try {
      return compile();
    } catch (error) {
      failed = true;
      report(field, error);
      return undefined;
    }
  };
  const matchesPath = attempt('match.path', () => compilePath(route.match.path));
  const conditions = [
    ...route.match.headers.map((match) => attempt(`match.headers[${match.name}]`, () => compileHeaderMatch(match))),
    ...route.match.queryParams.map((match) => attempt(`match.query_parameters[${match.name}]`, () => compileQueryMatch(match))),
  ];
  const action = attempt(route.action.kind, () => compileAction(route, random));
  const rewrite = attempt('route.rewrite', () => (route.action.kind === 'route' ? compileRewrite(route.action.rewrite, route.match.path) : undefined));
  if (failed) return undefined;
  const [requestHeaders, responseHeaders] = [mutations(host, route, 'requestHeaders'), mutations(host, route, 'responseHeaders')];
  return {
    index,
    matchesPath: matchesPath!,
    conditions: conditions as HeadMatcher[],
    fraction: route.match.fractionPerMillion,
    result: {
      config: route,
      fullName: `${host.name}/${route.name || index}`,
      action: action!,
      rewritePath: rewrite ? (head: RequestHead) => rewrite(head.path) : () => undefined,
      requestHeaders,
      responseHeaders,
    },
  };
}

/** Mutations by the chosen cluster, made once. */
function mutations(host: VirtualHostConfig, route: RouteConfig, kind: 'requestHeaders' | 'responseHeaders'): RouteMatch['requestHeaders'] {
  const plain = combineMutations([route[kind], host[kind]]);
  const byChoice: readonly (HeaderMutation | undefined)[] = route.action.kind === 'route'
    ? route.action.clusters.map((cluster) => combineMutations([cluster[kind], route[kind], host[kind]]))
    : [];
  return (choice) => (choice === undefined ? plain : byChoice[choice.index]);
}

/** Whether a path is one of those that a match is about. @throws Error for a pattern that does not compile. */
export function compilePath(match: PathMatchConfig): (path: string, length: number) => boolean {
  if (match.kind === 'regex') {
    const pattern = compilePattern(match.value);
    return (path, length) => length > 0 && pattern.matches(length === path.length ? path : path.slice(0, length));
  }
  const { kind, ignoreCase } = match;
  const value = ignoreCase ? match.value.toLowerCase() : match.value;
  const size = value.length;
  const starts = ignoreCase
    ? (path: string) => path.slice(0, size).toLowerCase() === value
    : (path: string) => path.startsWith(value);
  switch (kind) {
    case 'connect': return (_path, length) => length === 0;
    case 'exact': return (path, length) => length === size && starts(path);
    case 'prefix': return (path, length) => length >= size && starts(path);
    // The prefix ends at a segment's end: /api matches /api and /api/x, not /apix.
    case 'path_separated_prefix': return (path, length) =>
      (length === size || (length > size && path.charCodeAt(size) === 0x2f)) && starts(path);
  }
}

/** Whether the request is one of the route's, leaving its fraction aside. */
export function takes(route: CompiledRoute, head: RequestHead, length: number): boolean {
  if (!route.matchesPath(head.path, length)) return false;
  for (const matches of route.conditions) if (!matches(head)) return false;
  return true;
}

/** Whether every request of the route takes it. */
export function takesAll(route: CompiledRoute): boolean {
  return route.fraction >= MILLION;
}
