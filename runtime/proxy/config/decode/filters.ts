import {
  FilterConfigSchema, HttpRbacPerRouteSchema, HttpRbacSchema, LocalRateLimitSchema, milliseconds, RouterSchema, schemaOf, unpackAny, unpackAnyAs,
  type Any, type HttpFilter, type LocalRateLimit,
} from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { HttpFilterConfig, RateLimitConfig } from '../types';
import { bodyFilter, bodyFilterOfRoute } from './body';
import { faultFilter } from './fault';
import { headerList } from './headers';
import { jwtFilter, jwtFilterOfRoute } from './jwt';
import { httpRbac } from './rbac';
import { inRange, positiveDuration, runtimeFraction, unique } from './scalars';

const TOO_MANY_REQUESTS = 429;
/** Envoy's own bound of fill_interval. */
const MIN_FILL_INTERVAL = 50;

/** The filters in front of the router, which must be there, last, and once. */
export function httpFilters(filters: readonly HttpFilter[], path: string, problems: Problems): HttpFilterConfig[] {
  unique(filters.map((filter) => filter.name), (index) => `${path}[${index}].name`, problems);
  const made: HttpFilterConfig[] = [];
  let routerAt = -1;
  filters.forEach((filter, index) => {
    const at = `${path}[${index}]`;
    if (filter.name === '') problems.add(`${at}.name`, 'is required');
    const any = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
    if (!any) {
      problems.add(`${at}.typed_config`, 'is required');
      return;
    }
    const limit = unpackAnyAs(LocalRateLimitSchema, any);
    if (limit) {
      const config = rateLimit(limit, `${at}.typed_config`, problems);
      made.push({ kind: 'local_ratelimit', name: filter.name, config: filter.disabled ? undefined : config });
      return;
    }
    const rbac = unpackAnyAs(HttpRbacSchema, any);
    const given = [any, filter.name, `${at}.typed_config`, problems] as const;
    const body = bodyFilter(...given) ?? jwtFilter(...given) ?? faultFilter(...given);
    if (rbac) {
      const config = httpRbac(rbac, filter.name, `${at}.typed_config`, problems);
      made.push({ kind: 'rbac', name: filter.name, config: filter.disabled ? undefined : config });
    } else if (body) {
      made.push(filter.disabled ? { ...body, config: undefined } : body);
    } else if (unpackAnyAs(RouterSchema, any)) {
      if (filter.disabled) problems.add(`${at}.disabled`, 'true is not possible for the router');
      if (routerAt < 0) routerAt = index;
    } else if (schemaOf(any.typeUrl) && !filter.isOptional) {
      problems.add(`${at}.typed_config`, `${any.typeUrl} is not an HTTP filter that is supported`);
    }
  });
  if (routerAt < 0 || routerAt !== filters.length - 1) problems.add(path, 'must end with the router, envoy.extensions.filters.http.router.v3.Router');
  return made;
}

/** Filter configuration of a route, by the filter's name. */
export function perRouteFilters(configs: Readonly<Record<string, Any>>, path: string, problems: Problems): Map<string, HttpFilterConfig> {
  const made = new Map<string, HttpFilterConfig>();
  for (const name of Object.keys(configs).sort()) {
    const at = `${path}[${JSON.stringify(name)}]`;
    const wrapper = unpackAnyAs(FilterConfigSchema, configs[name]);
    const any = wrapper ? wrapper.config : configs[name];
    const inner = wrapper ? `${at}.config` : at;
    if (wrapper?.disabled) {
      made.set(name, { kind: 'local_ratelimit', name, config: undefined });
    } else if (!any) {
      problems.add(inner, 'is required');
    } else {
      const limit = unpackAnyAs(LocalRateLimitSchema, any);
      const rbac = unpackAnyAs(HttpRbacPerRouteSchema, any);
      const given = [any, name, inner, problems] as const;
      const body = bodyFilterOfRoute(...given) ?? jwtFilterOfRoute(...given) ?? faultFilter(...given);
      if (body) made.set(name, body);
      else if (limit) made.set(name, { kind: 'local_ratelimit', name, config: rateLimit(limit, inner, problems) });
      else if (rbac) made.set(name, { kind: 'rbac', name, config: rbac.rbac && httpRbac(rbac.rbac, name, `${inner}.rbac`, problems) });
      else if (unpackAny(any) && !wrapper?.isOptional) problems.add(inner, `${any.typeUrl} is not the configuration of a filter that is supported`);
    }
  }
  return made;
}

/** Undefined where the limit is off: no bucket, or enabled for nothing, which is Envoy's default. */
function rateLimit(limit: LocalRateLimit, path: string, problems: Problems): RateLimitConfig | undefined {
  if (limit.statPrefix === '') problems.add(`${path}.stat_prefix`, 'is required');
  const enabled = runtimeFraction(limit.filterEnabled, 0, `${path}.filter_enabled`, problems);
  if (enabled !== 0 && enabled !== 1_000_000) {
    problems.add(`${path}.filter_enabled`, `${enabled / 10_000} percent is not supported: 0 or 100; filter_enforced can be a part`);
  }
  const enforced = runtimeFraction(limit.filterEnforced, 0, `${path}.filter_enforced`, problems);
  const responseHeaders = headerList(limit.responseHeadersToAdd, [], `${path}.response_headers_to_add`, problems);
  const status = limit.status?.code === undefined || limit.status.code === 0 ? TOO_MANY_REQUESTS : Number(limit.status.code);
  const statusCode = status < 400 ? TOO_MANY_REQUESTS : inRange(status, 400, 599, `${path}.status.code`, problems);
  const bucket = limit.tokenBucket;
  if (!bucket) return undefined;
  const at = `${path}.token_bucket`;
  if (bucket.maxTokens < 1) problems.add(`${at}.max_tokens`, '0 must be at least 1');
  if (bucket.tokensPerFill === 0) problems.add(`${at}.tokens_per_fill`, '0 must be at least 1');
  if (!bucket.fillInterval) {problems.add(`${at}.fill_interval`, 'is required');} else if (milliseconds(bucket.fillInterval) < MIN_FILL_INTERVAL) {
    problems.add(`${at}.fill_interval`, `${show(`${milliseconds(bucket.fillInterval) / 1_000}s`)} must be at least 0.05s`);
  }
  if (enabled === 0) return undefined;
  return {
    statPrefix: limit.statPrefix,
    buckets: [{
      name: limit.statPrefix,
      maxTokens: bucket.maxTokens,
      tokensPerFill: bucket.tokensPerFill ?? 1,
      fillInterval: positiveDuration(bucket.fillInterval, 1_000, `${at}.fill_interval`, problems),
      key: undefined,
      maxKeys: 1,
    }],
    statusCode,
    headers: limit.enableXRatelimitHeaders !== 0,
    responseHeaders,
    resourceExhausted: limit.rateLimitedAsResourceExhausted,
    enforcedPercent: enforced / 10_000,
  };
}
