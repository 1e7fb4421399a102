import { PreviousHostsPredicateSchema, unpackAnyAs, type RetryExtension, type RetryPolicy } from '../../../xds';
import { GrpcStatus } from '../../grpc/status';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { RetryConditions, RetryConfig } from '../types';
import { headerMatchers } from './match';
import { durationOrOff, inRange, positiveDuration } from './scalars';

/** Envoy's defaults (config.route.v3.RetryPolicy). */
const BASE_INTERVAL = 25;
const RATE_LIMITED_MAX_INTERVAL = 300_000;

/** Words for statuses of gRPC. */
const GRPC_WORDS: Readonly<Record<string, number>> = {
  'cancelled': GrpcStatus.Cancelled,
  'deadline-exceeded': GrpcStatus.DeadlineExceeded,
  'internal': GrpcStatus.Internal,
  'resource-exhausted': GrpcStatus.ResourceExhausted,
  'unavailable': GrpcStatus.Unavailable,
};
const WORDS = [
  '5xx', 'gateway-error', 'reset', 'connect-failure', 'refused-stream', 'retriable-4xx', 'retriable-status-codes', ...Object.keys(GRPC_WORDS),
];

/** @param replayDefault bytes kept for replay where no extension says otherwise. */
export function retryPolicy(
  policy: RetryPolicy, extension: RetryExtension | undefined, extensionPath: string, path: string, problems: Problems, replayDefault: number,
): RetryConfig {
  const baseInterval = positiveDuration(policy.retryBackOff?.baseInterval, BASE_INTERVAL, `${path}.retry_back_off.base_interval`, problems);
  if (policy.retryBackOff && !policy.retryBackOff.baseInterval) problems.add(`${path}.retry_back_off.base_interval`, 'is required');
  const maxInterval = positiveDuration(policy.retryBackOff?.maxInterval, 10 * baseInterval, `${path}.retry_back_off.max_interval`, problems);
  if (maxInterval < baseInterval) {
    problems.add(`${path}.retry_back_off.max_interval`, `"${maxInterval / 1_000}s" must not be less than base_interval "${baseInterval / 1_000}s"`);
  }
  // Without a retry there may still be a bound of the one try.
  if (policy.retryOn.trim() === '' && policy.numRetries !== 0) problems.add(`${path}.retry_on`, `is required: what is retried, of ${WORDS.join(', ')}`);
  return {
    on: conditions(policy, path, problems),
    maxRetries: policy.numRetries ?? 1,
    perTryTimeout: durationOrOff(policy.perTryTimeout, 0, `${path}.per_try_timeout`, problems),
    perTryIdleTimeout: durationOrOff(policy.perTryIdleTimeout, 0, `${path}.per_try_idle_timeout`, problems),
    baseInterval,
    maxInterval,
    jitter: inRange(extension?.jitter ?? 1, 0, 1, `${extensionPath}.jitter`, problems),
    avoidPreviousHosts: avoidsPreviousHosts(policy, path, problems),
    hostSelectionAttempts: inRange(Number(policy.hostSelectionRetryMaxAttempts) || 1, 1, 100, `${path}.host_selection_retry_max_attempts`, problems),
    requestMatches: headerMatchers(policy.retriableRequestHeaders, `${path}.retriable_request_headers`, problems),
    maxReplayBytes: extension?.maxReplayBytes ?? replayDefault,
    rateLimitedMaxInterval: rateLimitedInterval(policy, path, problems),
  };
}

function conditions(policy: RetryPolicy, path: string, problems: Problems): RetryConditions {
  const words = new Set(policy.retryOn.split(',').map((word) => word.trim()).filter((word) => word !== ''));
  for (const word of words) {
    if (!WORDS.includes(word)) problems.add(`${path}.retry_on`, `${show(word)} is not supported: one of ${WORDS.join(', ')}`);
  }
  if (words.has('retriable-status-codes') !== policy.retriableStatusCodes.length > 0) {
    problems.add(`${path}.retriable_status_codes`, 'and the word retriable-status-codes in retry_on need each other');
  }
  policy.retriableStatusCodes.forEach((code, index) => inRange(code, 100, 599, `${path}.retriable_status_codes[${index}]`, problems));
  // Envoy counts a reset as the 503 that it would become.
  const anyFailure = words.has('5xx') || words.has('gateway-error');
  return {
    connectFailure: anyFailure || words.has('connect-failure') || words.has('reset'),
    refusedStream: anyFailure || words.has('refused-stream') || words.has('reset'),
    reset: anyFailure || words.has('reset'),
    gatewayError: words.has('gateway-error'),
    serverError: words.has('5xx'),
    retriable4xx: words.has('retriable-4xx'),
    statusCodes: new Set(policy.retriableStatusCodes),
    grpcStatuses: new Set(Object.keys(GRPC_WORDS).filter((word) => words.has(word)).map((word) => GRPC_WORDS[word])),
  };
}

function avoidsPreviousHosts(policy: RetryPolicy, path: string, problems: Problems): boolean {
  policy.retryHostPredicate.forEach((predicate, index) => {
    const any = predicate.configType.case === 'typedConfig' ? predicate.configType.value : undefined;
    if (!unpackAnyAs(PreviousHostsPredicateSchema, any)) {
      problems.add(`${path}.retry_host_predicate[${index}]`, `${show(predicate.name)} is not supported: only PreviousHostsPredicate`);
    }
  });
  return policy.retryHostPredicate.length > 0;
}

function rateLimitedInterval(policy: RetryPolicy, path: string, problems: Problems): number {
  const backOff = policy.rateLimitedRetryBackOff;
  if (!backOff) return 0;
  const at = `${path}.rate_limited_retry_back_off`;
  if (backOff.resetHeaders.length === 0) problems.add(`${at}.reset_headers`, 'is required: name retry-after');
  backOff.resetHeaders.forEach((header, index) => {
    if (header.name.toLowerCase() !== 'retry-after') {
      problems.add(`${at}.reset_headers[${index}].name`, `${show(header.name)} is not supported: only retry-after`);
    }
  });
  return positiveDuration(backOff.maxInterval, RATE_LIMITED_MAX_INTERVAL, `${at}.max_interval`, problems);
}
