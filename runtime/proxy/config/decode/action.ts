import {
  RedirectAction_RedirectResponseCode as RedirectCode, RouteAction_ClusterNotFoundResponseCode as NotFoundCode, type DirectResponseAction,
  type RedirectAction, type RegexMatchAndSubstitute, type RouteAction, type RouteAction_HashPolicy, type RouteAction_MaxStreamDuration,
  type RouteAction_RequestMirrorPolicy, type WeightedCluster, type WeightedCluster_ClusterWeight,
} from '../../../xds';
import { compileSubstitution } from '../../route/regex';
import type { Problems } from '../problems';
import { show } from '../problems';
import type {
  DirectResponseConfig, HashKeyConfig, HashPolicyConfig, MaxDurationConfig, MirrorConfig, PathRewriteConfig, RedirectConfig, RetryConfig,
  RouteActionConfig, RouteMatchConfig, WeightedClusterConfig,
} from '../types';
import { headerMutation, isHeaderName, NO_HEADERS } from './headers';
import { regex } from './match';
import { durationOrOff, inRange, runtimeFraction } from './scalars';
import { connect, websocket } from './upgrade';

/** Envoy's default of RouteAction.timeout. */
const ROUTE_TIMEOUT = 15_000;
const NOT_FOUND_STATUS = { [NotFoundCode.SERVICE_UNAVAILABLE]: 503, [NotFoundCode.NOT_FOUND]: 404, [NotFoundCode.INTERNAL_SERVER_ERROR]: 500 };
const REDIRECT_STATUS = {
  [RedirectCode.MOVED_PERMANENTLY]: 301,
  [RedirectCode.FOUND]: 302,
  [RedirectCode.SEE_OTHER]: 303,
  [RedirectCode.TEMPORARY_REDIRECT]: 307,
  [RedirectCode.PERMANENT_REDIRECT]: 308,
};

const HOST = /^[a-z0-9._:[\]-]+$/i;
/** What a request-target may hold (RFC 9112 §3.2), and with `#` a Location. Anything else would be another message than the one that is meant. */
const TARGET = /^[\x21\x22\x24-\x7e]*$/;
const LOCATION = /^[\x21-\x7e]*$/;

/** @param retry the route's own policy or that of its virtual host. */
export function routeAction(
  action: RouteAction, match: RouteMatchConfig, retry: RetryConfig | undefined, path: string, problems: Problems,
): RouteActionConfig {
  const { clusterSpecifier, hostRewriteSpecifier } = action;
  const weighted = clusterSpecifier.case === 'weightedClusters' ? clusterSpecifier.value : undefined;
  const clusters = weighted ? weightedClusters(weighted, `${path}.weighted_clusters`, problems)
    : [{ cluster: clusterSpecifier.case === 'cluster' ? clusterSpecifier.value : '', weight: 1, requestHeaders: NO_HEADERS, responseHeaders: NO_HEADERS }];
  if (!weighted && clusters[0].cluster === '') problems.add(path, 'needs cluster or weighted_clusters');
  const clusterByHash = weighted?.randomValueSpecifier.case === 'useHashPolicy' && weighted.randomValueSpecifier.value.value;
  if (clusterByHash && action.hashPolicy.length === 0) {
    problems.add(`${path}.weighted_clusters.use_hash_policy`, 'true needs a hash_policy in the route');
  }
  const hostRewrite = rewrittenHost(hostRewriteSpecifier, path, problems);
  return {
    kind: 'route',
    clusters,
    clusterByHash,
    clusterNotFoundStatus: NOT_FOUND_STATUS[action.clusterNotFoundResponseCode],
    rewrite: rewrite(action.prefixRewrite, action.regexRewrite, match, path, problems),
    hostRewrite,
    timeout: durationOrOff(action.timeout, ROUTE_TIMEOUT, `${path}.timeout`, problems),
    maxDuration: action.maxStreamDuration && maxDuration(action.maxStreamDuration, `${path}.max_stream_duration`, problems),
    idleTimeout: action.idleTimeout && durationOrOff(action.idleTimeout, 0, `${path}.idle_timeout`, problems),
    websocket: websocket(action.upgradeConfigs, `${path}.upgrade_configs`, problems),
    connect: connect(action.upgradeConfigs, `${path}.upgrade_configs`, problems),
    retry,
    hash: action.hashPolicy.map((policy, index) => hashPolicy(policy, `${path}.hash_policy[${index}]`, problems)),
    mirrors: action.requestMirrorPolicies.map((policy, index) => mirror(policy, `${path}.request_mirror_policies[${index}]`, problems)),
  };
}

function mirror({ cluster, runtimeFraction: fraction }: RouteAction_RequestMirrorPolicy, path: string, problems: Problems): MirrorConfig {
  if (cluster === '') problems.add(`${path}.cluster`, 'is required');
  return { cluster, fractionPerMillion: runtimeFraction(fraction, 1_000_000, `${path}.runtime_fraction`, problems) };
}

function rewrittenHost(
  { case: kind, value }: RouteAction['hostRewriteSpecifier'] | WeightedCluster_ClusterWeight['hostRewriteSpecifier'], path: string, problems: Problems,
): string | undefined {
  if (kind !== 'hostRewriteLiteral' || value === '') return undefined;
  if (!HOST.test(value)) problems.add(`${path}.host_rewrite_literal`, `${show(value)} is not a host`);
  return value;
}

function maxDuration(bound: RouteAction_MaxStreamDuration, path: string, problems: Problems): MaxDurationConfig {
  const { maxStreamDuration, grpcTimeoutHeaderMax, grpcTimeoutHeaderOffset } = bound;
  return {
    duration: durationOrOff(maxStreamDuration, 0, `${path}.max_stream_duration`, problems),
    grpcTimeoutMax: grpcTimeoutHeaderMax && durationOrOff(grpcTimeoutHeaderMax, 0, `${path}.grpc_timeout_header_max`, problems),
    grpcTimeoutOffset: durationOrOff(grpcTimeoutHeaderOffset, 0, `${path}.grpc_timeout_header_offset`, problems),
  };
}

export function redirectAction(action: RedirectAction, match: RouteMatchConfig, path: string, problems: Problems): RedirectConfig {
  const { schemeRewriteSpecifier: scheme, pathRewriteSpecifier: rewritten } = action;
  if (action.portRedirect > 65_535) problems.add(`${path}.port_redirect`, `${action.portRedirect} must be between 1 and 65535`);
  const made: RedirectConfig = {
    kind: 'redirect',
    scheme: scheme.case === 'httpsRedirect' ? (scheme.value ? 'https' : undefined) : scheme.case === 'schemeRedirect' ? scheme.value : undefined,
    host: action.hostRedirect || undefined,
    port: action.portRedirect || undefined,
    path: rewritten.case === 'pathRedirect' ? rewritten.value : undefined,
    rewrite: rewrite(rewritten.case === 'prefixRewrite' ? rewritten.value : '', rewritten.case === 'regexRewrite' ? rewritten.value : undefined,
      match, path, problems),
    statusCode: REDIRECT_STATUS[action.responseCode],
    stripQuery: action.stripQuery,
  };
  if (made.path !== undefined && !made.path.startsWith('/')) problems.add(`${path}.path_redirect`, `${show(made.path)} must start with a slash`);
  else if (made.path !== undefined && !LOCATION.test(made.path)) problems.add(`${path}.path_redirect`, `${show(made.path)} has a character that no URI may have`);
  if (made.host !== undefined && !HOST.test(made.host)) problems.add(`${path}.host_redirect`, `${show(made.host)} is not a host`);
  if (made.scheme !== undefined && !/^[a-z][a-z0-9+.-]*$/.test(made.scheme)) problems.add(`${path}.scheme_redirect`, `${show(made.scheme)} is not a scheme`);
  return made;
}

export function directResponse(action: DirectResponseAction, maxBytes: number, path: string, problems: Problems): DirectResponseConfig {
  const specifier = action.body?.specifier;
  const body = specifier?.case === 'inlineString' ? new TextEncoder().encode(specifier.value)
    : specifier?.case === 'inlineBytes' ? specifier.value : new Uint8Array(0);
  if (body.length > maxBytes) problems.add(`${path}.body`, `${body.length} bytes are more than max_direct_response_body_size_bytes ${maxBytes}`);
  return { kind: 'direct', statusCode: inRange(action.status, 200, 599, `${path}.status`, problems), body };
}

function weightedClusters(weighted: WeightedCluster, path: string, problems: Problems): WeightedClusterConfig[] {
  const clusters = weighted.clusters.map((entry, index) => {
    const at = `${path}.clusters[${index}]`;
    if (entry.name === '') problems.add(`${at}.name`, 'is required');
    const hostRewrite = rewrittenHost(entry.hostRewriteSpecifier, at, problems);
    return {
      cluster: entry.name,
      weight: entry.weight ?? 0,
      ...hostRewrite !== undefined && { hostRewrite },
      requestHeaders: headerMutation(entry.requestHeadersToAdd, entry.requestHeadersToRemove, at, 'request_headers', problems),
      responseHeaders: headerMutation(entry.responseHeadersToAdd, entry.responseHeadersToRemove, at, 'response_headers', problems),
    };
  });
  const sum = clusters.reduce((total, entry) => total + entry.weight, 0);
  if (sum < 1 || sum > 0xffff_ffff) problems.add(`${path}.clusters`, `the sum of the weights is ${sum}; it must be between 1 and 4294967295`);
  return clusters;
}

function rewrite(
  prefix: string, substitute: RegexMatchAndSubstitute | undefined, match: RouteMatchConfig, path: string, problems: Problems,
): PathRewriteConfig | undefined {
  if (prefix !== '' && substitute) problems.add(`${path}.prefix_rewrite`, 'and regex_rewrite exclude each other');
  if (substitute) {
    return regexRewrite(substitute, `${path}.regex_rewrite`, problems);
  }
  if (prefix === '') return undefined;
  if (!TARGET.test(prefix)) problems.add(`${path}.prefix_rewrite`, `${show(prefix)} has a character that no path may have`);
  if (match.path.kind === 'regex') problems.add(`${path}.prefix_rewrite`, 'needs a route that matches a prefix or path; use regex_rewrite');
  return { kind: 'prefix', value: prefix };
}

function regexRewrite({ pattern: matcher, substitution }: RegexMatchAndSubstitute, path: string, problems: Problems): PathRewriteConfig {
  const before = problems.list().length;
  const pattern = regex(matcher, `${path}.pattern`, problems);
  if (!TARGET.test(substitution)) problems.add(`${path}.substitution`, `${show(substitution)} has a character that no path may have`);
  if (problems.list().length === before) {
    try {
      compileSubstitution(pattern, substitution);
    } catch (error) {
      problems.add(`${path}.substitution`, `${show(substitution)}: ${(error as Error).message}`);
    }
  }
  return { kind: 'regex', pattern, substitution };
}

function hashPolicy(policy: RouteAction_HashPolicy, path: string, problems: Problems): HashPolicyConfig {
  return { key: hashKey(policy, path, problems), terminal: policy.terminal };
}

function hashKey({ policySpecifier: specifier }: RouteAction_HashPolicy, path: string, problems: Problems): HashKeyConfig {
  switch (specifier.case) {
    case 'header': {
      const name = specifier.value.headerName.toLowerCase();
      if (!isHeaderName(name) && !/^:(method|path|authority|scheme)$/.test(name)) {
        problems.add(`${path}.header.header_name`, `${show(specifier.value.headerName)} is not a header name`);
      }
      return { kind: 'header', name };
    }
    case 'cookie': {
      const { name, ttl, path: cookiePath } = specifier.value;
      if (!isHeaderName(name.toLowerCase())) problems.add(`${path}.cookie.name`, `${show(name)} is not a cookie name`);
      if (!/^[^;\x00-\x1f\x7f]*$/.test(cookiePath)) problems.add(`${path}.cookie.path`, `${show(cookiePath)} is not a cookie path`);
      return { kind: 'cookie', name, ttl: ttl && durationOrOff(ttl, 0, `${path}.cookie.ttl`, problems), path: cookiePath };
    }
    case 'queryParameter':
      if (specifier.value.name === '') problems.add(`${path}.query_parameter.name`, 'is required');
      return { kind: 'query', name: specifier.value.name };
    case 'connectionProperties':
      return { kind: 'source_ip' };
    default:
      problems.add(path, 'needs one of header, cookie, query_parameter, connection_properties');
      return { kind: 'source_ip' };
  }
}
