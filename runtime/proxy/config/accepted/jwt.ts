import { accepted, acceptedWith, each, ignored, only, type RuleTable } from './rule';

const JWT = 'envoy.extensions.filters.http.jwt_authn.v3';

/** Tokens, and rules about what they say. */
export const jwtRules: RuleTable = {
  [`${JWT}.JwtAuthentication`]: {
    providers: accepted,
    rules: acceptedWith('the first that matches; one that asks for nothing matches no path that can be read in two ways'),
    bypass_cors_preflight: accepted,
    requirement_map: acceptedWith('for routes, and requirement_name of rules'),
    strip_failure_response: ignored('what is told to whoever is refused is about their own token'),
  },
  [`${JWT}.PerRouteConfig`]: { disabled: only([true]), requirement_name: acceptedWith('where it is in no requirement_map, everybody is refused') },
  [`${JWT}.JwtProvider`]: {
    issuer: acceptedWith('empty: any'),
    audiences: acceptedWith('one of them, as it is written; empty: any'),
    require_expiration: accepted,
    remote_jwks: accepted,
    local_jwks: accepted,
    forward: accepted,
    from_headers: acceptedWith('`Authorization: Bearer` by default, and no query parameter, where tokens end in logs'),
    forward_payload_header: accepted,
    pad_forward_payload_header: accepted,
    payload_in_metadata: acceptedWith('for RBAC'),
    normalize_payload_in_metadata: accepted,
    clock_skew_seconds: acceptedWith('60 by default'),
    jwt_cache_config: acceptedWith('100 by default; tokens of up to 4 KiB'),
    claim_to_headers: acceptedWith('a claim by its name, or by a path with dots; what clients send under these names is removed'),
    clear_route_cache: only([false], 'the route is chosen before a token is looked at'),
  },
  [`${JWT}.JwtProvider.NormalizePayload`]: { space_delimited_claims: accepted },
  [`${JWT}.JwtCacheConfig`]: { jwt_cache_size: accepted },
  [`${JWT}.RemoteJwks`]: {
    http_uri: accepted,
    cache_duration: acceptedWith('10 minutes by default'),
    async_fetch: acceptedWith('keys are fetched with the configuration, and anew before they are too old'),
  },
  [`${JWT}.JwksAsyncFetch`]: {
    fast_listener: ignored('a listener never waits for keys; a request does'),
    failed_refetch_duration: acceptedWith('1 second by default'),
  },
  'envoy.config.core.v3.HttpUri': {
    uri: acceptedWith('of which the authority is sent as Host; where it is, the cluster says'),
    cluster: acceptedWith('of HTTP/1.1'),
    timeout: acceptedWith('required'),
  },
  [`${JWT}.JwtHeader`]: { name: acceptedWith('required'), value_prefix: acceptedWith('in either case') },
  [`${JWT}.JwtClaimToHeader`]: each(['header_name', 'claim_name'], acceptedWith('required')),
  [`${JWT}.RequirementRule`]: each(['match', 'requires', 'requirement_name'], accepted),
  [`${JWT}.JwtRequirement`]: each(
    ['provider_name', 'provider_and_audiences', 'requires_any', 'requires_all', 'allow_missing', 'allow_missing_or_failed'], accepted),
  [`${JWT}.ProviderWithAudiences`]: each(['provider_name', 'audiences'], accepted),
  [`${JWT}.JwtRequirementOrList`]: { requirements: accepted },
  [`${JWT}.JwtRequirementAndList`]: { requirements: accepted },
  'meshwright.v1.JwksOutage': { keep_for: acceptedWith('after cache_duration; 0s: not at all') },

  'envoy.type.matcher.v3.MetadataMatcher': {
    filter: only(['envoy.filters.http.jwt_authn'], 'no other filter leaves metadata'), path: accepted, value: accepted, invert: accepted,
  },
  'envoy.type.matcher.v3.MetadataMatcher.PathSegment': { key: accepted },
  'envoy.type.matcher.v3.ValueMatcher': each(['string_match', 'bool_match', 'present_match', 'list_match', 'or_match'], accepted),
  'envoy.type.matcher.v3.ListMatcher': { one_of: accepted },
  'envoy.type.matcher.v3.OrMatcher': { value_matchers: accepted },
};
