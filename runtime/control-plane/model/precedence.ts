import type { PathMatch, Rule } from './types';

/** A rule, with what decides between rules that match alike. */
export interface Candidate {
  readonly rule: Rule;
  /** Characters that a rule of a GRPCRoute matches; undefined for one of an HTTPRoute. */
  readonly grpc?: { readonly service: number; readonly method: number };
  /** metadata.creationTimestamp of its route, RFC 3339; empty where there is none (a manifest in a folder). */
  readonly createdAt: string;
  /** `<namespace>/<name>` of its route. */
  readonly route: string;
  /** Position in its route: rule, then match. */
  readonly order: number;
}

/**
 * Rules of all routes of a service, most specific first, as HTTPRouteRule says: exact path, longest path, method, number of headers, number of
 * query parameters, oldest route, route in alphabetical order, order in the route. Where a regular expression stands is left to
 * implementations: here after exact paths and before prefixes, the longer text first, so that an expression is never hidden by `/`. Of GRPCRoutes, as
 * GRPCRouteRule says: most characters of the service, of the method, number of headers; then as above.
 */
export function byPrecedence(candidates: readonly Candidate[]): Rule[] {
  return [...candidates].sort(compare).map(({ rule }) => rule);
}

const PATH_RANK: Record<PathMatch['kind'], number> = { exact: 0, regex: 1, prefix: 2 };

function compare(left: Candidate, right: Candidate): number {
  const a = left.rule.match;
  const b = right.rule.match;
  if (left.grpc && right.grpc) {
    return right.grpc.service - left.grpc.service
      || right.grpc.method - left.grpc.method
      || b.headers.length - a.headers.length
      || byAge(left, right);
  }
  return PATH_RANK[a.path.kind] - PATH_RANK[b.path.kind]
    || b.path.value.length - a.path.value.length
    || Number(b.method !== undefined) - Number(a.method !== undefined)
    || b.headers.length - a.headers.length
    || b.queryParams.length - a.queryParams.length
    || byAge(left, right);
}

function byAge(left: Candidate, right: Candidate): number {
  return alphabetical(left.createdAt, right.createdAt) || alphabetical(left.route, right.route) || left.order - right.order;
}

function alphabetical(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
