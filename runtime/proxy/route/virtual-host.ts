import { pathLength } from './path';
import { takes, takesAll, type CompiledRoute } from './route';
import type { RequestHead, RouteMatch } from './types';

/** Below this a look at each route costs less than finding out which to look at. */
const FEW = 8;
const NONE: readonly CompiledRoute[] = [];

/**
 * The routes of a virtual host, of which the first that matches wins. Only those are looked at whose path can match: exact paths are found in a
 * table, prefixes that contain a whole first segment (`/orders/…`) by that segment, and only what is left is tried on every request.
 */
export class RouteList {
  private readonly exact = new Map<string, readonly CompiledRoute[]>();
  private readonly bySegment = new Map<string, readonly CompiledRoute[]>();
  /** Routes that no segment rules out, in order. */
  private readonly anywhere: readonly CompiledRoute[];
  private readonly indexed: boolean;

  constructor(routes: readonly CompiledRoute[]) {
    this.indexed = routes.length > FEW;
    const rest = this.indexed ? routes.filter((route) => exactPath(route) === undefined) : routes;
    this.anywhere = rest.filter((route) => !this.indexed || firstSegment(route) === undefined);
    if (!this.indexed) return;
    for (const route of routes) {
      const path = exactPath(route);
      if (path !== undefined) this.exact.set(path, [...(this.exact.get(path) ?? []), route]);
    }
    for (const segment of new Set(rest.map(firstSegment))) {
      if (segment !== undefined) {
        this.bySegment.set(segment, rest.filter((route) => [undefined, segment].includes(firstSegment(route))));
      }
    }
  }

  match(head: RequestHead, random: () => number): RouteMatch | undefined {
    const { path } = head;
    const length = pathLength(path);
    if (!this.indexed) return first(NONE, this.anywhere, head, length, random);
    const exact = this.exact.size === 0 ? undefined : this.exact.get(length === path.length ? path : path.slice(0, length));
    const others = this.bySegment.size === 0 ? undefined : this.bySegment.get(segmentOf(path, length));
    return first(exact ?? NONE, others ?? this.anywhere, head, length, random);
  }
}

/**
 * The first that takes the request, in the order of the configuration, of two lists that each are in that order. One random number serves all
 * routes of the request that have a fraction, as in Envoy: of two routes with 10 % each, the second takes nothing.
 */
function first(
  left: readonly CompiledRoute[], right: readonly CompiledRoute[], head: RequestHead, length: number, random: () => number,
): RouteMatch | undefined {
  let draw = -1;
  for (let l = 0, r = 0; l < left.length || r < right.length;) {
    const route = r >= right.length || (l < left.length && left[l]!.index < right[r]!.index) ? left[l++]! : right[r++]!;
    if (!takes(route, head, length)) continue;
    if (!takesAll(route)) {
      if (draw < 0) draw = Math.floor(random() * 1_000_000);
      if (draw >= route.fraction) continue;
    }
    return route.result;
  }
  return undefined;
}

function exactPath(route: CompiledRoute): string | undefined {
  const { path } = route.result.config.match;
  return path.kind === 'exact' && !path.ignoreCase ? path.value : undefined;
}

/** The first segment that every path of the route has; undefined where it may have several. */
function firstSegment(route: CompiledRoute): string | undefined {
  const { path } = route.result.config.match;
  if (path.kind === 'regex' || path.ignoreCase || !path.value.startsWith('/')) return undefined;
  const end = path.value.indexOf('/', 1);
  if (end > 0) return path.value.slice(1, end);
  return path.kind === 'prefix' || path.value.length === 1 ? undefined : path.value.slice(1);
}

function segmentOf(path: string, length: number): string {
  const end = path.indexOf('/', 1);
  return path.slice(1, end < 0 || end > length ? length : end);
}
