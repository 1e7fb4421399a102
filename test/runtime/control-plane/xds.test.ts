import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { snapshotOf, TYPES } from '../../../runtime/control-plane/ads/snapshot';
import type { PathMatch, Retry } from '../../../runtime/control-plane/model';
import { xdsResources } from '../../../runtime/control-plane/xds';
import { tokenBucket } from '../../../runtime/control-plane/xds/rate-limit';
import { retryPolicy } from '../../../runtime/control-plane/xds/retry';
import { replaceAll, xdsRewrite } from '../../../runtime/control-plane/xds/rewrite';
import { milliseconds, TypeUrl } from '../../../runtime/xds';
import { mesh, modelOf, route, service, whole } from './support/documents';

describe('token bucket of a rate limit', () => {
  const limits = fc.record({
    name: fc.constant('x'), requests: fc.integer({ min: 1, max: 1_000_000 }), interval: fc.integer({ min: 1, max: 86_400_000 }), burst: fc.nat(1000),
  });

  test('property: exactly the rate, as often as Envoy lets it be filled, one fill and the burst in it', () => {
    fc.assert(fc.property(limits, (limit) => {
      const { tokensPerFill, fillInterval, maxTokens } = tokenBucket(limit);
      expect(tokensPerFill / fillInterval).toBeCloseTo(limit.requests / limit.interval, 9);
      expect(fillInterval).toBeGreaterThanOrEqual(50 - 1e-9);
      // One token less would be filled too often.
      if (tokensPerFill > 1) expect(((tokensPerFill - 1) * limit.interval) / limit.requests).toBeLessThan(50);
      expect(maxTokens).toBe(tokensPerFill + limit.burst);
    }));
  });

  test.each([
    [20_000, 1000, 1000, 50], [100, 1000, 5, 50], [7, 1000, 1, 1000 / 7], [1, 60_000, 1, 60_000],
  ])('%d in %d ms: %d each %d ms', (requests, interval, tokensPerFill, fillInterval) => {
    expect(tokenBucket({ name: 'x', requests, interval, burst: 0 })).toMatchObject({ tokensPerFill, fillInterval });
  });
});

describe('path rewrites of Gateway API', () => {
  /** As Envoy rewrites: prefix_rewrite for what the match matched, regex_rewrite for the whole path. */
  function rewritten(match: PathMatch, value: string, path: string): string {
    const rewrite = xdsRewrite({ kind: 'prefix', value }, match);
    if (!rewrite) return path;
    if (rewrite.kind === 'prefix') return rewrite.value + path.slice(match.value.length);
    if (rewrite.kind !== 'regex') throw new Error('not a prefix');
    return RE2JS.compile(rewrite.value.pattern!.regex!).matcher(path).replaceAll(rewrite.value.substitution!);
  }

  // The table in the documentation of HTTPPathModifier.replacePrefixMatch, and the root.
  test.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'], ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'], ['/foo', '/foo', '/xyz', '/xyz'], ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'], ['/foo/', '/foo', '', '/'], ['/foo', '/foo', '', '/'], ['/foo/', '/foo', '/', '/'], ['/foo', '/foo', '/', '/'],
    ['/bar', '/', '/xyz', '/xyz/bar'], ['/', '/', '/xyz', '/xyz/'], ['/bar', '/', '/', '/bar'], ['/a.b/c', '/a.b', '/', '/c'],
  ])('%s, prefix %s replaced by %j, is %s', (path, prefix, value, expected) => {
    expect(rewritten({ kind: 'prefix', value: prefix }, value, path)).toBe(expected);
  });

  test('a whole path is taken literally', () => {
    const { pattern, substitution } = replaceAll('/a\\1$b') as { pattern: { regex: string }; substitution: string };
    expect(pattern.regex).toBe('^.*$');
    expect(substitution).toBe('/a\\\\1$b');
  });
});

describe('retries', () => {
  const retry = (on: Retry['on'], methods = ['GET']): Retry => ({ attempts: 3, on, methods, baseInterval: 100, maxInterval: 400, jitter: 0 });

  test.each([
    [['5xx'], '5xx'], [['per-try-timeout'], 'reset'], [['per-try-timeout', 'reset', 'gateway-error'], 'gateway-error,reset'],
    [['rate-limited'], 'retriable-status-codes'],
  ] as [Retry['on'], string][])('%j is %s', (on, words) => {
    expect(retryPolicy(retry(on), undefined, undefined)?.retryOn).toBe(words);
  });

  test('without retries and without a bound of a try there is no policy; a bound alone retries nothing', () => {
    expect(retryPolicy(undefined, undefined, 1000)).toBeUndefined();
    expect(retryPolicy(undefined, 200, 1000)).toMatchObject({ numRetries: 0, retryOn: '' });
  });

  test('a Retry-After is waited for as long as there is time', () => {
    const wait = (total: number | undefined) => milliseconds(retryPolicy(retry(['rate-limited']), undefined, total)?.rateLimitedRetryBackOff?.maxInterval, -1);
    expect([wait(2000), wait(undefined)]).toEqual([2000, 300_000]);
    expect(retryPolicy(retry(['5xx']), undefined, 2000)?.rateLimitedRetryBackOff).toBeUndefined();
  });

  test('one matcher for several methods', () => {
    const matchers = retryPolicy(retry(['5xx'], ['GET', 'PUT']), undefined, undefined)!.retriableRequestHeaders;
    expect(matchers).toHaveLength(1);
    expect(matchers[0]).toMatchObject({ name: ':method', headerMatchSpecifier: { value: { matchPattern: { case: 'safeRegex', value: { regex: 'GET|PUT' } } } } });
  });
});

describe('a node gets', () => {
  const base = [mesh(), ...whole('payment', ['10.0.2.1']), ...whole('stock', ['10.0.3.1']), ...whole('secret', ['10.0.4.1'])];
  const names = (caller: string, manifests: Parameters<typeof modelOf>[0], region?: string) => {
    const made = xdsResources(modelOf(manifests), { service: caller, podIp: '10.0.0.1', loopback: '127.0.0.1', region });
    return { clusters: made.clusters.map(({ name }) => name), endpoints: made.endpoints.map(({ clusterName }) => clusterName) };
  };

  test('what it calls, what routes of that lead to, and itself; nothing else', () => {
    const split = route('split', 'payment', [{ backendRefs: [{ name: 'payment', port: 8080 }, { name: 'stock', port: 8080 }, { name: 'secret', port: 8080, weight: 0 }] }]);
    expect(names('shop/order', [...base, ...whole('order', [], ['payment']), split])).toEqual({
      clusters: ['inbound:8080', 'payment.shop:8080', 'stock.shop:8080'], endpoints: ['payment.shop:8080', 'stock.shop:8080'],
    });
    expect(names('shop/order', [...base, ...whole('order', [])])).toEqual({ clusters: ['inbound:8080'], endpoints: [] });
    expect(names('shop/nobody', base)).toEqual({ clusters: [], endpoints: [] });
  });

  test('resources that it shares with others as the same bytes, encoded once', () => {
    const model = modelOf([...base, ...whole('a', [], ['payment']), ...whole('b', [], ['payment', 'stock'])]);
    const of = (name: string) => snapshotOf(xdsResources(model, { service: `shop/${name}`, podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined }));
    const [a, b] = [of('a'), of('b')];
    for (const type of [TypeUrl.CDS, TypeUrl.EDS] as const) {
      expect(a.types[type].get('payment.shop:8080')?.bytes).toBe(b.types[type].get('payment.shop:8080')?.bytes);
    }
    // Two pods of one service have their own listeners, and everything else in common.
    const other = snapshotOf(xdsResources(model, { service: 'shop/a', podIp: '10.0.0.2', loopback: '127.0.0.1', region: undefined }));
    expect(other.types[TypeUrl.RDS].get('outbound')).toBe(a.types[TypeUrl.RDS].get('outbound'));
    expect(other.types[TypeUrl.LDS].get('inbound')?.version).not.toBe(a.types[TypeUrl.LDS].get('inbound')?.version);
  });

  test('the same versions from whoever makes them', () => {
    const versions = () => {
      const made = snapshotOf(xdsResources(modelOf([...base, ...whole('a', [], ['payment'])]), { service: 'shop/a', podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined }));
      return TYPES.flatMap((type) => [...made.types[type]].map(([name, { version }]) => `${name} ${version}`));
    };
    expect(versions()).toEqual(versions());
  });

  test('new routes when a backend that they lead to changes, and the old ones when nothing does', () => {
    const node = { service: 'shop/a', podIp: '10.0.0.1', loopback: '127.0.0.1', region: undefined };
    const split = (weight: number) => route('split', 'payment', [{ backendRefs: [{ name: 'payment', port: 8080 }, { name: 'plain', port: 80, weight }] }]);
    const manifests = (weight: number) => [...base, ...whole('a', [], ['payment']), service('plain', 80), split(weight)];
    const first = modelOf(manifests(1));
    const same = modelOf([...manifests(1), ...whole('more', [])], first);
    const changed = modelOf(manifests(2), same);
    const routes = (model: typeof first) => xdsResources(model, node).routes[0];
    expect(routes(same)).toBe(routes(first));
    expect(routes(changed)).not.toBe(routes(first));
    expect(routes(changed)).toEqual(routes(modelOf(manifests(2))));
  });
});
