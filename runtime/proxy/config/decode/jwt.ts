import {
  JwtAuthenticationSchema, JwtPerRouteConfigSchema, milliseconds, unpackAnyAs,
  type Any, type JwtAuthentication, type JwtProvider, type JwtRequirementMessage, type RemoteJwks,
} from '../../../xds';
import { KeySet } from '../../filter/jwt/key-set';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { HttpFilterConfig, JwtConfig, JwtProviderConfig, JwtRequirement, JwtRuleConfig, LocalKeysConfig, RemoteKeysConfig } from '../types';
import { textSource } from './data-source';
import { isHeaderName } from './headers';
import { routeMatch } from './match';
import { positiveDuration } from './scalars';

/** Envoy's defaults. */
const CLOCK_SKEW_SECONDS = 60;
const CACHE_DURATION = 600_000;
const FAILED_REFETCH = 1000;
const CACHE_SIZE = 100;
const MOST_CACHED = 100_000;
const BEARER = { name: 'authorization', prefix: 'Bearer ' };
/** What frames a message or says where it goes is made of no claim. */
const RESERVED = /^(?:host|content-length|transfer-encoding|connection|upgrade|te|trailer|keep-alive|proxy-connection|x-forwarded-client-cert)$/;

/** A filter of tokens; undefined where it is another one. */
export function jwtFilter(any: Any, name: string, path: string, problems: Problems): HttpFilterConfig | undefined {
  const message = unpackAnyAs(JwtAuthenticationSchema, any);
  return message && { kind: 'jwt', name, config: jwtConfig(message, path, problems) };
}

export function jwtFilterOfRoute(any: Any, name: string, path: string, problems: Problems): HttpFilterConfig | undefined {
  const message = unpackAnyAs(JwtPerRouteConfigSchema, any);
  if (message === undefined) return undefined;
  const { requirementSpecifier } = message;
  switch (requirementSpecifier.case) {
    case 'disabled': return { kind: 'jwt', name, config: undefined, ofRoute: { disabled: true } };
    case 'requirementName': return { kind: 'jwt', name, config: undefined, ofRoute: { disabled: false, requirement: requirementSpecifier.value } };
    default:
      problems.add(path, 'needs one of disabled, requirement_name');
      return { kind: 'jwt', name, config: undefined, ofRoute: { disabled: false, requirement: '' } };
  }
}

function jwtConfig(message: JwtAuthentication, path: string, problems: Problems): JwtConfig {
  const names = Object.keys(message.providers).sort();
  const known = new Set(names);
  const named = new Map(Object.keys(message.requirementMap).sort().map((name) =>
    [name, requirement(message.requirementMap[name]!, `${path}.requirement_map[${JSON.stringify(name)}]`, known, problems)]));
  const rules = message.rules.map((rule, index): JwtRuleConfig => {
    const at = `${path}.rules[${index}]`;
    const { path: of, headers, queryParams } = routeMatch(rule.match, `${at}.match`, problems);
    return { path: of, headers, queryParams, requires: required(rule.requirementType, at, named, known, problems) };
  });
  return {
    providers: names.map((name) => provider(name, message.providers[name]!, `${path}.providers[${JSON.stringify(name)}]`, problems)),
    rules,
    named,
    bypassCorsPreflight: message.bypassCorsPreflight,
  };
}

function required(
  type: JwtAuthentication['rules'][number]['requirementType'], path: string, named: ReadonlyMap<string, JwtRequirement>, known: ReadonlySet<string>, problems: Problems,
): JwtRequirement | undefined {
  if (type.case === 'requires') return requirement(type.value, `${path}.requires`, known, problems);
  if (type.case === undefined) return undefined;
  const found = named.get(type.value);
  if (found === undefined) problems.add(`${path}.requirement_name`, `${show(type.value)} is not in requirement_map`);
  return found;
}

function requirement({ requiresType }: JwtRequirementMessage, path: string, known: ReadonlySet<string>, problems: Problems): JwtRequirement {
  const providerNamed = (name: string, field: string, audiences?: readonly string[]): JwtRequirement => {
    if (!known.has(name)) problems.add(`${path}.${field}`, `${show(name)} is not in providers`);
    return { kind: 'provider', provider: name, audiences };
  };
  const several = (kind: 'any' | 'all', field: string, requirements: readonly JwtRequirementMessage[]): JwtRequirement => {
    if (requirements.length === 0) problems.add(`${path}.${field}.requirements`, 'is empty: at least two are required');
    return { kind, of: requirements.map((part, index) => requirement(part, `${path}.${field}.requirements[${index}]`, known, problems)) };
  };
  switch (requiresType.case) {
    case 'providerName': return providerNamed(requiresType.value, 'provider_name');
    case 'providerAndAudiences': {
      const { providerName, audiences } = requiresType.value;
      return providerNamed(providerName, 'provider_and_audiences.provider_name', audiences.length === 0 ? undefined : audiences);
    }
    case 'requiresAny': return several('any', 'requires_any', requiresType.value.requirements);
    case 'requiresAll': return several('all', 'requires_all', requiresType.value.requirements);
    case 'allowMissing': return { kind: 'allow_missing' };
    case 'allowMissingOrFailed': return { kind: 'allow_missing_or_failed' };
    default:
      problems.add(path, 'needs one of provider_name, provider_and_audiences, requires_any, requires_all, allow_missing, allow_missing_or_failed');
      return { kind: 'any', of: [] };
  }
}

function provider(name: string, message: JwtProvider, path: string, problems: Problems): JwtProviderConfig {
  const { fromHeaders, forwardPayloadHeader, claimToHeaders } = message;
  const cacheSize = message.jwtCacheConfig?.jwtCacheSize ?? 0;
  if (cacheSize > MOST_CACHED) problems.add(`${path}.jwt_cache_config.jwt_cache_size`, `${cacheSize} must be at most ${MOST_CACHED}`);
  return {
    name,
    issuer: message.issuer === '' ? undefined : message.issuer,
    audiences: message.audiences,
    keys: keys(message, path, problems),
    requireExpiration: message.requireExpiration,
    clockSkew: (message.clockSkewSeconds || CLOCK_SKEW_SECONDS) * 1000,
    forward: message.forward,
    headers: fromHeaders.length === 0 ? [BEARER] : fromHeaders.map(({ name: header, valuePrefix }, index) =>
      ({ name: headerName(header, `${path}.from_headers[${index}].name`, problems), prefix: valuePrefix })),
    claimHeaders: claimToHeaders.map(({ headerName: header, claimName }, index) => {
      const at = `${path}.claim_to_headers[${index}]`;
      if (claimName === '') problems.add(`${at}.claim_name`, 'is required');
      return { header: headerName(header, `${at}.header_name`, problems), claim: claimName };
    }),
    payloadHeader: forwardPayloadHeader === '' ? undefined
      : { name: headerName(forwardPayloadHeader, `${path}.forward_payload_header`, problems), padded: message.padForwardPayloadHeader },
    metadataKey: message.payloadInMetadata === '' ? undefined : message.payloadInMetadata,
    spaceDelimited: message.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
    cacheSize: cacheSize === 0 ? CACHE_SIZE : cacheSize,
  };
}

function headerName(name: string, path: string, problems: Problems): string {
  const lower = name.toLowerCase();
  if (!isHeaderName(lower)) problems.add(path, `${show(name)} is not a header name`);
  else if (RESERVED.test(lower)) problems.add(path, `${show(name)} cannot be used: the proxy sets it`);
  return lower;
}

function keys({ jwksSourceSpecifier }: JwtProvider, path: string, problems: Problems): RemoteKeysConfig | LocalKeysConfig {
  switch (jwksSourceSpecifier.case) {
    case 'remoteJwks': return remote(jwksSourceSpecifier.value, `${path}.remote_jwks`, problems);
    case 'localJwks': return local(textSource(jwksSourceSpecifier.value, `${path}.local_jwks`, problems), `${path}.local_jwks`, problems);
    default:
      problems.add(path, 'needs one of remote_jwks, local_jwks');
      return { kind: 'local', jwks: '' };
  }
}

function local(jwks: string, path: string, problems: Problems): LocalKeysConfig {
  try {
    KeySet.parse(jwks);
  } catch (error) {
    problems.add(path, (error as Error).message);
  }
  return { kind: 'local', jwks };
}

function remote(message: RemoteJwks, path: string, problems: Problems): RemoteKeysConfig {
  const { httpUri, asyncFetch } = message;
  const cluster = httpUri?.httpUpstreamType.case === 'cluster' ? httpUri.httpUpstreamType.value : '';
  if (cluster === '') problems.add(`${path}.http_uri.cluster`, 'is required');
  if (httpUri !== undefined && httpUri.timeout === undefined) problems.add(`${path}.http_uri.timeout`, 'is required');
  const url = urlOf(httpUri?.uri ?? '', `${path}.http_uri.uri`, problems);
  return {
    kind: 'remote',
    cluster,
    host: url?.host ?? '',
    path: url === undefined ? '/' : url.pathname + url.search,
    timeout: positiveDuration(httpUri?.timeout, 5000, `${path}.http_uri.timeout`, problems),
    cacheDuration: positiveDuration(message.cacheDuration, CACHE_DURATION, `${path}.cache_duration`, problems),
    ahead: asyncFetch !== undefined,
    failedRefetch: asyncFetch?.failedRefetchDuration === undefined ? FAILED_REFETCH : Math.max(1, milliseconds(asyncFetch.failedRefetchDuration)),
  };
}

function urlOf(uri: string, path: string, problems: Problems): URL | undefined {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    // What it is, is a secret.
    problems.add(path, 'must be a URL without a name and password');
    return undefined;
  }
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  problems.add(path, `${show(uri)} must be an http or https URL`);
  return undefined;
}
