import {
  create, duration, FractionalPercent_DenominatorType, HttpFilterSchema, LocalRateLimitSchema, packAny, StatusCode, XRateLimitHeadersRFCVersion,
  type HttpFilter,
} from '../../xds';
import type { RateLimit } from '../model';

/** Shortest time between two fills that Envoy takes, in milliseconds. */
const SHORTEST_FILL = 50;

/**
 * The bucket of a limit: as few tokens a fill as the shortest fill allows, at the interval that gives exactly the rate. Small fills keep what a
 * second admits close to the rate, wherever the second begins. The bucket holds one fill and the burst.
 */
export function tokenBucket({ requests, interval, burst }: RateLimit): { tokensPerFill: number; fillInterval: number; maxTokens: number } {
  const tokensPerFill = Math.max(1, Math.ceil((requests * SHORTEST_FILL) / interval));
  return { tokensPerFill, fillInterval: (tokensPerFill * interval) / requests, maxTokens: tokensPerFill + burst };
}

/** A filter of its own for each limit, so that each must admit the request. */
export function rateLimitFilter(limit: RateLimit): HttpFilter {
  const { tokensPerFill, fillInterval, maxTokens } = tokenBucket(limit);
  const always = (key: string) => ({
    runtimeKey: `meshwright.rate_limit.${key}`, defaultValue: { numerator: 100, denominator: FractionalPercent_DenominatorType.HUNDRED },
  });
  return create(HttpFilterSchema, {
    name: `meshwright.rate_limit.${limit.name}`,
    configType: {
      case: 'typedConfig',
      value: packAny(LocalRateLimitSchema, create(LocalRateLimitSchema, {
        statPrefix: limit.name,
        tokenBucket: { maxTokens, tokensPerFill, fillInterval: duration(fillInterval) },
        status: { code: StatusCode.TooManyRequests },
        filterEnabled: always('enabled'),
        filterEnforced: always('enforced'),
        enableXRatelimitHeaders: XRateLimitHeadersRFCVersion.DRAFT_VERSION_03,
        enableRetryAfterHeader: true,
        rateLimitedAsResourceExhausted: true,
      })),
    },
  });
}
