import fc from 'fast-check';
import { ERRORS, type ProxyError } from '../../../../runtime/proxy/error';
import { backoff, parseRetryAfter, retriesError } from '../../../../runtime/proxy/retry/policy';
import { NEVER, retryConfig } from '../support/config';

test('waits double from the base interval up to the bound', () => {
  const config = retryConfig({ baseInterval: 100, maxInterval: 400 });
  expect([1, 2, 3, 4, 1000].map((n) => backoff(config, n, () => 0.5, undefined))).toEqual([100, 200, 400, 400, 400]);
});

test('the random part of a wait is the one that is configured', () => {
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(part, chance, fc.integer({ min: 1, max: 12 }),
    (jitter, x, n) => {
      const full = Math.min(100 * 2 ** (n - 1), 3000);
      const wait = backoff(retryConfig({ baseInterval: 100, maxInterval: 3000, jitter }), n, () => x, undefined);
      expect(wait).toBeGreaterThanOrEqual(full * (1 - jitter) - 1e-9);
      expect(wait).toBeLessThanOrEqual(full + 1e-9);
    }));
});

test.each<[string, number | undefined]>([
  ['2', 2000], ['0', 0], ['-1', undefined], ['1.5', undefined], ['', undefined], ['soon', undefined], ['99999999999', undefined],
  ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000], ['Wed, 31 Dec 2025 00:00:00 GMT', 0], ['2026-01-01', undefined],
])('Retry-After %j', (value, expected) => {
  expect(parseRetryAfter(value, Date.UTC(2026, 0, 1))).toBe(expected);
});

test('which errors are tried again under which condition', () => {
  const rows = Object.entries<ProxyError>(ERRORS);
  const under = (on: Partial<typeof NEVER>) => rows.filter(([, error]) => retriesError({ ...NEVER, ...on }, error)).map(([name]) => name);
  expect(under({})).toEqual([]);
  expect(under({ connectFailure: true })).toEqual(['connectFailure', 'connectTimeout']);
  const all = ['perTryTimeout', 'connectFailure', 'connectTimeout', 'upstreamReset', 'upstreamProtocol'];
  expect(under({ reset: true })).toEqual(all);
  expect(under({ serverError: true })).toEqual(all);
  expect(under({ gatewayError: true })).toEqual(all);
  expect(under({ statusCodes: new Set([504]) })).toEqual(['perTryTimeout']);
});
