import type { RouteMatchConfig } from '../config/types';
import { pathLength } from './path';
import { compilePath } from './route';
import type { RequestHead } from './types';
import { compileHeaderMatch, compileQueryMatch } from './value-match';

/** Whether a request is one of those that a match is about. */
export type RequestMatch = (head: RequestHead) => boolean;

/** A match of a route, for others than routes. @throws Error for a pattern that does not compile. */
export function compileRouteMatch({ path, headers, queryParams }: Omit<RouteMatchConfig, 'fractionPerMillion'>): RequestMatch {
  const matchesPath = compilePath(path);
  const conditions = [...headers.map(compileHeaderMatch), ...queryParams.map(compileQueryMatch)];
  return (head) => {
    if (!matchesPath(head.path, pathLength(head.path))) return false;
    for (const matches of conditions) if (!matches(head)) return false;
    return true;
  };
}
