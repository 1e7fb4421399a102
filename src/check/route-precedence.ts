import { RE2JS } from 're2js';
import type { RouteMatch, RouteNode, RouteRule } from './graph';

/** One match of a rule of a route, with its place. */
export interface Candidate {
  readonly route: RouteNode;
  readonly rule: RouteRule;
  readonly index: number;
  readonly match: RouteMatch;
  /** Position in the route: rules in order, matches in order. */
  readonly order: number;
}

/** The matches of all routes of a service. */
export function candidatesOf(routes: readonly RouteNode[]): Candidate[] {
  return routes.flatMap((route) => route.rules.flatMap((rule, position) => (
    rule.matches.map((match, index): Candidate => ({ route, rule, index, match: normal(match), order: position * 1000 + index }))
  )));
}

function normal(match: RouteMatch): RouteMatch {
  const path = match.path ?? { type: 'PathPrefix', value: '/' };
  return path.type === 'PathPrefix' ? { ...match, path: { ...path, value: path.value.replace(/\/+$/, '') || '/' } } : { ...match, path };
}

const PATH_RANK = { Exact: 0, RegularExpression: 1, PathPrefix: 2 };

/**
 * Gateway API's order of matches by how much they ask for: negative where `a` is tried first, 0 where they ask for equally much. Then the older
 * route is first, then the first in the alphabet, then the order in the route. A regular expression of a path stands after exact paths and before
 * prefixes.
 */
export function bySpecificity({ match: a }: Candidate, { match: b }: Candidate): number {
  // Of GRPCRoutes: characters of the service, characters of the method, headers.
  if (a.grpc && b.grpc) return b.grpc.service - a.grpc.service || b.grpc.method - a.grpc.method || b.headers.length - a.headers.length;
  return PATH_RANK[a.path!.type] - PATH_RANK[b.path!.type]
    || b.path!.value.length - a.path!.value.length
    || Number(b.method !== undefined) - Number(a.method !== undefined)
    || b.headers.length - a.headers.length
    || b.queryParams.length - a.queryParams.length;
}

/** Whether every request that `b` matches is one that `a` matches. False where that cannot be told from the expressions. */
export function covers({ match: a }: Candidate, { match: b }: Candidate): boolean {
  return (a.method === undefined || a.method === b.method)
    && pathCovers(a.path!, b.path!)
    && valuesCover(a.headers, b.headers)
    && valuesCover(a.queryParams, b.queryParams);
}

/** Whether there can be a request that both match, of two that ask for equally much. */
export function overlap({ match: a }: Candidate, { match: b }: Candidate): boolean {
  return a.method === b.method && a.path!.value === b.path!.value && compatible(a.headers, b.headers) && compatible(a.queryParams, b.queryParams);
}

type PathMatch = NonNullable<RouteMatch['path']>;
type ValueMatch = RouteMatch['headers'][number];

/** Expressions that every path matches. */
const ANY_PATH = ['.*', '/.*', '.+', '^.*', '^.*$', '^/.*', '^/.*$'];

function pathCovers(a: PathMatch, b: PathMatch): boolean {
  switch (a.type) {
    case 'Exact': return b.type === 'Exact' && a.value === b.value;
    case 'PathPrefix': return a.value === '/' || (b.type !== 'RegularExpression' && (b.value === a.value || b.value.startsWith(`${a.value}/`)));
    default: return a.value === (b.type === 'RegularExpression' ? b.value : undefined) || ANY_PATH.includes(a.value)
      || (b.type === 'Exact' && fullMatch(a.value, b.value));
  }
}

/** Each of the demands of `a` follows from one of `b`. */
function valuesCover(a: readonly ValueMatch[], b: readonly ValueMatch[]): boolean {
  return a.every((wanted) => b.some((given) => given.name === wanted.name && (
    (given.type === wanted.type && given.value === wanted.value)
    || (wanted.type === 'RegularExpression' && (wanted.value === '.*' || (given.type === 'Exact' && fullMatch(wanted.value, given.value))))
  )));
}

/** No demand of one rules out one of the other. */
function compatible(a: readonly ValueMatch[], b: readonly ValueMatch[]): boolean {
  return a.every((one) => b.every((other) => {
    if (one.name !== other.name || one.value === other.value) return true;
    if (one.type === 'Exact' && other.type === 'Exact') return false;
    if (one.type === 'Exact') return fullMatch(other.value, one.value);
    return other.type === 'Exact' ? fullMatch(one.value, other.value) : true;
  }));
}

function fullMatch(expression: string, text: string): boolean {
  try {
    return RE2JS.compile(expression).matcher(text).matches();
  } catch {
    // A check of its own reports an expression that does not compile.
    return false;
  }
}
