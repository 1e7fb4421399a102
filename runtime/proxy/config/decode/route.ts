import {
  GrpcLimitsSchema, RetryExtensionSchema, unpackAnyAs,
  type Any, type Metadata, type RetryExtension, type Route, type RouteConfiguration, type VirtualHost,
} from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { HttpFilterConfig, MessageLimits, RetryConfig, RouteConfig, RouteMatchConfig, RouteTableConfig, VirtualHostConfig } from '../types';
import { directResponse, redirectAction, routeAction } from './action';
import { perRouteFilters } from './filters';
import { chain, headerMutation } from './headers';
import { routeMatch } from './match';
import { retryPolicy } from './retry';
import { unique } from './scalars';

/** Key of our extension of a route's retry policy in `metadata.typed_filter_metadata`. */
export const RETRY_METADATA = 'meshwright.retry';
export const GRPC_METADATA = 'meshwright.grpc';
/** Envoy's default of max_direct_response_body_size_bytes. */
const DIRECT_BODY = 4_096;

/** @param name key of the table; that of the configuration itself unless a listener carries it inline. */
export function routeTable(table: RouteConfiguration, name: string, path: string, problems: Problems): RouteTableConfig {
  const dot = path === '' ? '' : `${path}.`;
  const context: Context = {
    problems,
    maxBody: table.maxDirectResponseBodySizeBytes ?? DIRECT_BODY,
    filters: perRouteFilters(table.typedPerFilterConfig, `${dot}typed_per_filter_config`, problems),
    requestHeaders: headerMutation(table.requestHeadersToAdd, table.requestHeadersToRemove, path, 'request_headers', problems),
    responseHeaders: headerMutation(table.responseHeadersToAdd, table.responseHeadersToRemove, path, 'response_headers', problems),
  };
  const hosts = table.virtualHosts;
  unique(hosts.map((host) => host.name), (index) => `${dot}virtual_hosts[${index}].name`, problems);
  const domains = hosts.flatMap((host, at) => host.domains.map((domain, index) => ({ domain: domain.toLowerCase(), at, index })));
  unique(domains.map(({ domain }) => domain), (index) => `${dot}virtual_hosts[${domains[index].at}].domains[${domains[index].index}]`, problems);
  return { name, virtualHosts: hosts.map((host, index) => virtualHost(host, `${dot}virtual_hosts[${index}]`, context)) };
}

interface Context {
  readonly problems: Problems;
  readonly maxBody: number;
  readonly filters: ReadonlyMap<string, HttpFilterConfig>;
  readonly requestHeaders: VirtualHostConfig['requestHeaders'];
  readonly responseHeaders: VirtualHostConfig['responseHeaders'];
}

function virtualHost(host: VirtualHost, path: string, context: Context): VirtualHostConfig {
  const { problems } = context;
  if (host.name === '') problems.add(`${path}.name`, 'is required');
  if (host.domains.length === 0) problems.add(`${path}.domains`, 'is required: "*" for all');
  host.domains.forEach((domain, index) => checkDomain(domain, `${path}.domains[${index}]`, problems));
  const inherited: Inherited = {
    ...context,
    retry: host.retryPolicy && retry(host.retryPolicy, host.metadata, path, `${path}.retry_policy`, problems),
    filters: new Map([...context.filters, ...perRouteFilters(host.typedPerFilterConfig, `${path}.typed_per_filter_config`, problems)]),
  };
  return {
    name: host.name,
    domains: host.domains.map((domain) => domain.toLowerCase()),
    routes: host.routes.map((route, index) => singleRoute(route, `${path}.routes[${index}]`, inherited)),
    requestHeaders: chain(headerMutation(host.requestHeadersToAdd, host.requestHeadersToRemove, path, 'request_headers', problems),
      context.requestHeaders),
    responseHeaders: chain(headerMutation(host.responseHeadersToAdd, host.responseHeadersToRemove, path, 'response_headers', problems),
      context.responseHeaders),
  };
}

interface Inherited extends Context {
  readonly retry: RetryConfig | undefined;
}

function singleRoute(route: Route, path: string, inherited: Inherited): RouteConfig {
  const { problems } = inherited;
  const match = routeMatch(route.match, `${path}.match`, problems);
  const own = perRouteFilters(route.typedPerFilterConfig, `${path}.typed_per_filter_config`, problems);
  return {
    name: route.name,
    match,
    action: action(route, match, path, inherited),
    requestHeaders: headerMutation(route.requestHeadersToAdd, route.requestHeadersToRemove, path, 'request_headers', problems),
    responseHeaders: headerMutation(route.responseHeadersToAdd, route.responseHeadersToRemove, path, 'response_headers', problems),
    filters: own.size === 0 ? inherited.filters : new Map([...inherited.filters, ...own]),
  };
}

function action(route: Route, match: RouteMatchConfig, path: string, { problems, retry: fromHost, maxBody }: Inherited): RouteConfig['action'] {
  const chosen = route.action;
  if (chosen.case !== 'route' && route.metadata?.typedFilterMetadata[RETRY_METADATA]) {
    problems.add(`${path}.metadata.typed_filter_metadata["${RETRY_METADATA}"]`, 'needs a route action with a retry_policy');
  }
  switch (chosen.case) {
    case 'route': {
      const policy = chosen.value.retryPolicy;
      if (!policy && route.metadata?.typedFilterMetadata[RETRY_METADATA]) {
        problems.add(`${path}.metadata.typed_filter_metadata["${RETRY_METADATA}"]`, 'needs a retry_policy in the same route');
      }
      const own = policy && retry(policy, route.metadata, path, `${path}.route.retry_policy`, problems);
      const limits = messageLimits(route.metadata?.typedFilterMetadata[GRPC_METADATA], `${path}.metadata.typed_filter_metadata["${GRPC_METADATA}"]`, problems);
      return { ...routeAction(chosen.value, match, own ?? fromHost, `${path}.route`, problems), ...limits && { messageLimits: limits } };
    }
    case 'redirect':
      return redirectAction(chosen.value, match, `${path}.redirect`, problems);
    case 'directResponse':
      return directResponse(chosen.value, maxBody, `${path}.direct_response`, problems);
    default:
      problems.add(path, 'needs one of route, redirect, direct_response');
      return { kind: 'direct', statusCode: 500, body: new Uint8Array(0) };
  }
}

function messageLimits(any: Any | undefined, path: string, problems: Problems): MessageLimits | undefined {
  const limits = unpackAnyAs(GrpcLimitsSchema, any);
  if (any && !limits) problems.add(path, `${any.typeUrl} must be meshwright.v1.GrpcLimits`);
  return limits && { request: limits.maxRequestMessageBytes, response: limits.maxResponseMessageBytes };
}

function retry(
  policy: Parameters<typeof retryPolicy>[0], metadata: Metadata | undefined, owner: string, path: string, problems: Problems,
): RetryConfig {
  const at = `${owner}.metadata.typed_filter_metadata["${RETRY_METADATA}"]`;
  const extension = retryExtension(metadata?.typedFilterMetadata[RETRY_METADATA], at, problems);
  return retryPolicy(policy, extension, at, path, problems, Number.MAX_SAFE_INTEGER);
}

function retryExtension(any: Any | undefined, path: string, problems: Problems): RetryExtension | undefined {
  const extension = unpackAnyAs(RetryExtensionSchema, any);
  if (any && !extension) problems.add(path, `${any.typeUrl} must be meshwright.v1.RetryExtension`);
  return extension;
}

function checkDomain(domain: string, path: string, problems: Problems): void {
  const stars = domain.split('*').length - 1;
  if (domain === '' || /[\s/]/.test(domain)) {problems.add(path, `${show(domain)} is not a host`);} else if (stars > 1 || (stars === 1 && !domain.startsWith('*') && !domain.endsWith('*'))) {
    problems.add(path, `${show(domain)} can have one *, at its beginning or end`);
  }
}

