import type { Families } from './families';

/** What a filter of tokens counts, as far as it becomes a metric. */
export interface JwtCounters {
  readonly allowed: number;
  readonly denied: number;
  readonly corsPreflightBypassed: number;
  readonly jwksFetchSuccess: number;
  readonly jwksFetchFailed: number;
  readonly jwtCacheHit: number;
  readonly jwtCacheMiss: number;
  readonly deniedFor: ReadonlyMap<string, number>;
}

const COUNTERS: readonly (readonly [string, Exclude<keyof JwtCounters, 'deniedFor'>, string])[] = [
  ['allowed', 'allowed', 'Requests with the token that was asked for, or that none was asked of'],
  ['denied', 'denied', 'Requests without a valid token'],
  ['cors_preflight_bypassed', 'corsPreflightBypassed', 'CORS preflights, which pass without a token'],
  ['jwks_fetch_success', 'jwksFetchSuccess', 'Fetches of keys that succeeded'],
  ['jwks_fetch_failed', 'jwksFetchFailed', 'Fetches of keys that failed'],
  ['jwt_cache_hit', 'jwtCacheHit', 'Tokens that were verified before'],
  ['jwt_cache_miss', 'jwtCacheMiss', 'Tokens that were not'],
];

/** Under Envoy's names; and refusals by their reason. What a token says is in no metric. */
export function collectTokens(statPrefix: string, stats: JwtCounters, into: Families): void {
  const labels = { envoy_http_conn_manager_prefix: statPrefix };
  for (const [name, counter, help] of COUNTERS) {
    into.counter(`envoy_http_jwt_authn_${name}`, help, `http.{envoy_http_conn_manager_prefix}.jwt_authn.${name}`).add(labels, stats[counter]);
  }
  for (const [reason, count] of stats.deniedFor) {
    into.counter('meshwright_token_denied_total', 'Requests without a valid token, by what is wrong with it', 'jwt.{envoy_http_conn_manager_prefix}.{reason}.denied')
      .add({ ...labels, reason }, count);
  }
}

export function isTokens(stats: unknown): stats is JwtCounters {
  return typeof stats === 'object' && stats !== null && 'deniedFor' in stats;
}
