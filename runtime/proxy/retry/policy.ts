import type { RetryConditions, RetryConfig } from '../config/types';
import type { ProxyError } from '../error';

/** Whether an answer of that status may be tried again; the words are Envoy's (config.route.v3.RetryPolicy.retry_on). */
export function retriesStatus(on: RetryConditions, status: number): boolean {
  if (status < 400) return on.statusCodes.size > 0 && on.statusCodes.has(status);
  if (on.serverError && status >= 500) return true;
  if (on.gatewayError && status >= 502 && status <= 504) return true;
  if (on.retriable4xx && status === 409) return true;
  return on.statusCodes.has(status);
}

/** Whether a try that ended without an answer may be tried again: by what the table of errors says of its error. */
export function retriesError(on: RetryConditions, { retryable }: ProxyError): boolean {
  switch (retryable) {
    case 'connect-failure':
      return on.connectFailure || on.serverError || on.gatewayError || on.reset;
    case 'reset':
      return on.reset || on.serverError || on.gatewayError;
    case 'per-try-timeout':
      // It becomes a 504; whoever lists that status means this, too.
      return on.reset || on.serverError || on.gatewayError || on.statusCodes.has(504);
    case undefined:
      return false;
  }
}

/**
 * Milliseconds before retry `n` (1 is the first): the base interval doubled for every retry before, at most `maxInterval`; of that the part
 * `jitter` is random. A `Retry-After` that is longer counts instead, up to `rateLimitedMaxInterval`.
 */
export function backoff(config: RetryConfig, n: number, random: () => number, retryAfter: number | undefined): number {
  const { baseInterval, maxInterval, jitter, rateLimitedMaxInterval } = config;
  // 2 ** 52 is beyond every interval and still exact.
  const full = Math.min(baseInterval * 2 ** Math.min(n - 1, 52), maxInterval);
  const wait = jitter > 0 ? full * (1 - jitter) + full * jitter * random() : full;
  if (retryAfter === undefined || rateLimitedMaxInterval <= 0 || retryAfter <= wait) return wait;
  return Math.min(retryAfter, rateLimitedMaxInterval);
}

/** `Retry-After` in milliseconds from `wallTime` (RFC 9110 §10.2.3): delta-seconds or a date; undefined for anything else. */
export function parseRetryAfter(value: string, wallTime: number): number | undefined {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallTime);
}
