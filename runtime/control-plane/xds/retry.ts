import {
  create, duration, MetadataSchema, packAny, PreviousHostsPredicateSchema, RetryExtensionSchema, RetryPolicy_ResetHeaderFormat, RetryPolicySchema,
  type Metadata, type RetryPolicy,
} from '../../xds';
import type { Retry, RetryOn } from '../model';

/** Picks after which a host that was tried already is taken again. */
const HOST_PICKS = 5;
/** Longest Retry-After that is waited for where no total timeout bounds it, in milliseconds. */
const LONGEST_RETRY_AFTER = 300_000;

/**
 * xDS has no word for a try that ran into its own timeout: Envoy takes it for a reset that the proxy made, which `reset` retries, and so do `5xx`
 * and `gateway-error`. So `per-try-timeout` alone retries connections that the upstream reset, too. `rate-limited` is a status.
 */
const WORDS: Record<RetryOn, string> = {
  'connect-failure': 'connect-failure',
  'refused-stream': 'refused-stream',
  'reset': 'reset',
  'gateway-error': 'gateway-error',
  '5xx': '5xx',
  'per-try-timeout': 'reset',
  'rate-limited': 'retriable-status-codes',
  'cancelled': 'cancelled',
  'deadline-exceeded': 'deadline-exceeded',
  'internal': 'internal',
  'resource-exhausted': 'resource-exhausted',
  'unavailable': 'unavailable',
};

/**
 * Retries and the bound of a try, which xDS has in one message. Undefined where there is neither.
 * @param perTry milliseconds; undefined is no bound.
 * @param total bound of the whole request: nobody waits longer for a Retry-After.
 */
export function retryPolicy(retry: Retry | undefined, perTry: number | undefined, total: number | undefined): RetryPolicy | undefined {
  if (!retry) {
    return perTry === undefined ? undefined : create(RetryPolicySchema, { numRetries: 0, perTryTimeout: duration(perTry) });
  }
  const words = [...new Set(retry.on.map((word) => WORDS[word]))].sort();
  const limited = retry.on.includes('rate-limited');
  return create(RetryPolicySchema, {
    retryOn: words.join(','),
    numRetries: retry.attempts,
    perTryTimeout: perTry === undefined ? undefined : duration(perTry),
    retryBackOff: { baseInterval: duration(retry.baseInterval), maxInterval: duration(retry.maxInterval) },
    retriableRequestHeaders: [methodMatch(retry.methods)],
    retriableStatusCodes: limited ? [429] : [],
    rateLimitedRetryBackOff: limited ? {
      resetHeaders: [{ name: 'retry-after', format: RetryPolicy_ResetHeaderFormat.SECONDS }],
      maxInterval: duration(total ?? LONGEST_RETRY_AFTER),
    } : undefined,
    retryHostPredicate: [{
      name: 'envoy.retry_host_predicates.previous_hosts',
      configType: { case: 'typedConfig', value: packAny(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)) },
    }],
    hostSelectionRetryMaxAttempts: BigInt(HOST_PICKS),
  });
}

/** One matcher for all methods: Envoy retries where any of several matches, others where all do. */
function methodMatch(methods: readonly string[]) {
  const [only, ...more] = methods;
  const stringMatch = more.length === 0
    ? { matchPattern: { case: 'exact' as const, value: only } }
    : { matchPattern: { case: 'safeRegex' as const, value: { regex: methods.join('|') } } };
  return { name: ':method', headerMatchSpecifier: { case: 'stringMatch' as const, value: stringMatch } };
}

/** What xDS cannot say of the retries, beside the route. */
export function retryMetadata(retry: Retry | undefined): Metadata | undefined {
  if (!retry) return undefined;
  const extension = packAny(RetryExtensionSchema, create(RetryExtensionSchema, { jitter: retry.jitter }));
  return create(MetadataSchema, { typedFilterMetadata: { 'meshwright.retry': extension } });
}
