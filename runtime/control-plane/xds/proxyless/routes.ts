import {
  create, milliseconds, RetryPolicySchema, RouteActionSchema, RouteMatchSchema, RouteSchema, type HeaderMatcher, type RetryPolicy, type Route,
  type RouteAction, type RouteMatch,
} from '../../../xds';
import { INVALID_BACKEND } from '../names';

/**
 * A route as gRPC takes it (gRFC A28, A31, A44). Every call is a POST of `application/grpc` without a query: what asks for something else is never
 * matched, and what asks for that is not asked. Changes of headers and rewrites are unknown to gRPC.
 */
export function grpcRoutes({ name, match, action }: Route): Route[] {
  if (!match || match.queryParameters.length > 0) return [];
  const headers = match.headers.filter((header) => !asksForGrpc(header));
  if (headers.some(({ name: header }) => header === ':method')) return [];
  const made = actionOf(action);
  return paths(match).map((pathSpecifier) => create(RouteSchema, {
    name, match: create(RouteMatchSchema, { pathSpecifier, headers }), action: { case: 'route', value: made },
  }));
}

/** Names of all clusters that routes send to. */
export function clustersOf(routes: readonly Route[]): string[] {
  return routes.flatMap(({ action }) => {
    if (action.case !== 'route') return [];
    const { clusterSpecifier: to } = action.value;
    return to.case === 'weightedClusters' ? to.value.clusters.map(({ name }) => name) : to.case === 'cluster' ? [to.value] : [];
  });
}

function asksForGrpc({ name, headerMatchSpecifier: matcher }: HeaderMatcher): boolean {
  if (matcher.case !== 'stringMatch') return false;
  const { case: kind, value } = matcher.value.matchPattern;
  return (name === ':method' && kind === 'exact' && value === 'POST') || (name === 'content-type' && kind === 'prefix' && value === 'application/grpc');
}

/** gRPC has no prefix by whole segments. */
function paths({ pathSpecifier: path }: RouteMatch): RouteMatch['pathSpecifier'][] {
  return path.case === 'pathSeparatedPrefix' ? [{ case: 'path', value: path.value }, { case: 'prefix', value: `${path.value}/` }] : [path];
}

/** A redirect is nothing that a call could follow: it fails, as it does with a proxy. */
function actionOf(action: Route['action']): RouteAction {
  if (action.case !== 'route') return create(RouteActionSchema, { clusterSpecifier: { case: 'cluster', value: INVALID_BACKEND } });
  const { clusterSpecifier: to, hashPolicy, retryPolicy, timeout } = action.value;
  const total = timeout && milliseconds(timeout);
  return create(RouteActionSchema, {
    clusterSpecifier: to.case === 'weightedClusters'
      ? { case: 'weightedClusters', value: { clusters: to.value.clusters.map(({ name, weight }) => ({ name, weight })) } } : to,
    // The bound of a whole call. Its own deadline holds beside it: the earlier of both.
    maxStreamDuration: total ? { maxStreamDuration: timeout } : undefined,
    retryPolicy: retryPolicy && retriesOf(retryPolicy),
    hashPolicy: hashPolicy.filter(({ policySpecifier }) => policySpecifier.case === 'header'),
  });
}

const STATUSES = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'];
/** What happens to HTTP below a call reaches it as UNAVAILABLE. */
const UNAVAILABLE = ['connect-failure', 'refused-stream', 'reset', 'gateway-error', '5xx'];

/** gRPC retries by status alone, and takes no policy without one. */
function retriesOf({ retryOn, numRetries, retryBackOff, retriableRequestHeaders }: RetryPolicy): RetryPolicy | undefined {
  const words = retryOn.split(',');
  const statuses = STATUSES.filter((status) => words.includes(status) || (status === 'unavailable' && UNAVAILABLE.some((word) => words.includes(word))));
  if (statuses.length === 0 || !numRetries || !retriableRequestHeaders.every(takesPost)) return undefined;
  return create(RetryPolicySchema, { retryOn: statuses.join(','), numRetries, retryBackOff });
}

/** Whether what bounds retries to methods lets POST through: one, or several as `GET|POST`. */
function takesPost({ name, headerMatchSpecifier: matcher }: HeaderMatcher): boolean {
  if (name !== ':method' || matcher.case !== 'stringMatch') return false;
  const { matchPattern: pattern } = matcher.value;
  return pattern.case === 'exact' ? pattern.value === 'POST' : pattern.case === 'safeRegex' && pattern.value.regex.split('|').includes('POST');
}
