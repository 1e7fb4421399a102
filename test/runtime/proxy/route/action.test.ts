import * as fc from 'fast-check';
import type {
  HashPolicyConfig, HeaderMutation, PathMatchConfig, PathRewriteConfig, RedirectConfig, RetryConfig,
} from '../../../../runtime/proxy/config/types';
import { compileHash } from '../../../../runtime/proxy/route/hash-policy';
import { combineMutations } from '../../../../runtime/proxy/route/header-mutation';
import { remainder } from '../../../../runtime/proxy/route/weighted-clusters';
import { hashOf, seeded } from '../cluster/support';
import {
  exact, forward, forwardOf, head, is, matched, named, never, nothing, prefix, redirect, regex, route, routes, separated, table, virtualHost,
  weighted,
} from './support';

describe('rewrite', () => {
  const to = (value: string): PathRewriteConfig => ({ kind: 'prefix', value });
  const by = (pattern: string, substitution: string): PathRewriteConfig => ({ kind: 'regex', pattern, substitution });

  test.each<[PathMatchConfig, PathRewriteConfig | undefined, string, string | undefined]>([
    [prefix('/api'), to('/v2'), '/api/x?q=1', '/v2/x?q=1'],
    [prefix('/api'), to('/v2'), '/apix', '/v2x'],
    [prefix('/api/'), to('/'), '/api/x', '/x'],
    [prefix('/API', true), to('/v2'), '/api/x', '/v2/x'],
    [separated('/api'), to('/v2'), '/api?q', '/v2?q'],
    [exact('/a'), to('/b'), '/a?x=/a', '/b?x=/a'],
    [regex('/a/.*'), to('/b'), '/a/1?x', '/b?x'],
    [prefix('/'), to(''), '/a', undefined],
    [prefix('/'), undefined, '/a', undefined],
    [prefix('/'), by('^/(\\w+)/(\\w+)', '/\\2/\\1'), '/a/b/c?d=/e/f', '/b/a/c?d=/e/f'],
    [prefix('/'), by('o', '0'), '/foo/o?o', '/f00/0?o'],
    [prefix('/'), by('/(a)?b', '/[\\1]'), '/b', '/[]'],
    [prefix('/'), by('^.*$', '/all\\0'), '/x', '/all/x'],
    [prefix('/'), by('x*', '-'), '/xy', '-/-y-'],
    [prefix('/'), by('a', '\\\\$1'), '/a', '/\\$1'],
    [prefix('/'), by('^/service/([^/]+)(/.*)$', '\\2/instance/\\1'), '/service/foo/v1/api', '/v1/api/instance/foo'],
  ])('%j by %j: %s → %s', (path, rewrite, request, expected) => {
    const given = routes(route('r', { path, action: forward({ rewrite }) }));
    expect(matched(given, head(request)).rewritePath(head(request))).toBe(expected);
  });
});

describe('redirect', () => {
  const location = (change: Partial<RedirectConfig>, request = head('/a/b?c=1'), path: PathMatchConfig = prefix('/a')) => {
    const { action } = matched(routes(route('r', { path, action: redirect(change) })), request);
    if (action.kind !== 'redirect') throw new Error('no redirect');
    return action.location(request);
  };

  test.each<[Partial<RedirectConfig>, string]>([
    [{ scheme: 'https' }, 'https://payment:8080/a/b?c=1'],
    [{ host: 'ledger' }, 'http://ledger/a/b?c=1'],
    [{ host: 'ledger:9' }, 'http://ledger:9/a/b?c=1'],
    [{ port: 443 }, 'http://payment:443/a/b?c=1'],
    [{ host: 'ledger', port: 443, scheme: 'https' }, 'https://ledger:443/a/b?c=1'],
    [{ path: '/new' }, 'http://payment:8080/new?c=1'],
    [{ path: 'new' }, 'http://payment:8080/new?c=1'],
    [{ path: '/new?d=2' }, 'http://payment:8080/new?d=2'],
    [{ path: '/new?d=2', stripQuery: true }, 'http://payment:8080/new?d=2'],
    [{ path: '/new', stripQuery: true }, 'http://payment:8080/new'],
    [{ stripQuery: true }, 'http://payment:8080/a/b'],
    [{ rewrite: { kind: 'prefix', value: '/z' } }, 'http://payment:8080/z/b?c=1'],
    [{ rewrite: { kind: 'regex', pattern: '^/a/(.*)$', substitution: '/\\1/a' }, stripQuery: true }, 'http://payment:8080/b/a'],
  ])('%j → %s', (change, expected) => {
    expect(location(change)).toBe(expected);
  });

  test('the default port of a scheme that changes is dropped, no other', () => {
    const from = (scheme: 'http' | 'https', authority: string, change: Partial<RedirectConfig>) => location(change, head('/a', { scheme, authority }));
    expect(from('http', 'payment:80', { scheme: 'https' })).toBe('https://payment/a');
    expect(from('http', 'payment:443', { scheme: 'https' })).toBe('https://payment:443/a');
    expect(from('https', 'payment:443', { scheme: 'http' })).toBe('http://payment/a');
    expect(from('http', 'payment:80', { path: '/b' })).toBe('http://payment:80/b');
    expect(from('http', '[fd00::1]:80', { scheme: 'https' })).toBe('https://[fd00::1]/a');
    expect(from('http', '[fd00::1]', { port: 8443, scheme: 'https' })).toBe('https://[fd00::1]:8443/a');
    expect(from('http', 'payment', { port: 81 })).toBe('http://payment:81/a');
  });

  test('status and kind', () => {
    const { action } = matched(routes(route('r', { action: redirect({ statusCode: 308 }) })), head('/'));
    expect(action).toMatchObject({ kind: 'redirect', statusCode: 308 });
  });
});

test('a direct response is handed out as it is', () => {
  const body = new TextEncoder().encode('teapot');
  const { action } = matched(routes(route('r', { action: { kind: 'direct', statusCode: 418, body } })), head('/'));
  expect(action).toEqual({ kind: 'direct', statusCode: 418, body });
});

describe('weighted clusters', () => {
  const by = (weights: readonly number[], clusterByHash = false) => forwardOf(matched(
    routes(route('r', { action: forward({ clusters: weights.map((weight, index) => weighted(`v${index}`, weight)), clusterByHash }) })), head('/'),
  ));
  const shares = (weights: readonly number[]) => {
    const action = by(weights);
    const random = seeded(5);
    const counts = weights.map(() => 0);
    for (let i = 0; i < 100_000; i++) counts[action.choose(undefined, random).index]!++;
    return counts.map((count) => count / 100_000);
  };

  test('95 / 5 within a percent of 10,000', () => {
    const action = by([95, 5]);
    const random = seeded(1);
    let canary = 0;
    for (let i = 0; i < 10_000; i++) if (action.choose(undefined, random).cluster === 'v1') canary++;
    expect(Math.abs(canary / 10_000 - 0.05)).toBeLessThan(0.01);
  });

  test('relative to their sum, a weight of 0 never', () => {
    const [first, second, none] = shares([1, 2, 0]);
    expect(first).toBeCloseTo(1 / 3, 2);
    expect(second).toBeCloseTo(2 / 3, 2);
    expect(none).toBe(0);
  });

  test('every point of chance lies in the right interval', () => {
    const some = fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }).filter((list) => list.some(Boolean));
    fc.assert(fc.property(some, fc.nat(999_999), (weights, part) => {
      const point = part / 1_000_000;
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      let left = Math.floor(point * total);
      const expected = weights.findIndex((weight) => (left -= weight) < 0);
      if (weights.length > 1) expect(by(weights).choose(undefined, () => point).index).toBe(expected);
    }));
  });

  test('by hash: a client keeps to its version, the versions have their shares', () => {
    const action = by([95, 5], true);
    let canary = 0;
    for (let user = 0; user < 20_000; user++) {
      const hash = hashOf(`user-${user}`);
      const choice = action.choose(hash, never);
      if (action.choose(hash, never) !== choice) throw new Error(`user-${user} changed its version`);
      if (choice.cluster === 'v1') canary++;
    }
    expect(canary / 20_000).toBeCloseTo(0.05, 2);
    expect(action.choose(undefined, () => 0.99).cluster).toBe('v1');
    expect(by([95, 5]).choose(hashOf('user'), () => 0.99).cluster).toBe('v1');
  });

  test('growing the canary takes nobody out of it', () => {
    const canary = (weight: number) => {
      const action = forwardOf(matched(
        routes(route('r', { action: forward({ clusters: [weighted('v2', weight), weighted('v1', 100 - weight)], clusterByHash: true }) })), head('/'),
      ));
      return new Set(Array.from({ length: 5000 }, (_, user) => user).filter((user) => action.choose(hashOf(`u${user}`), never).cluster === 'v2'));
    };
    const [small, large] = [canary(5), canary(20)];
    for (const user of small) expect(large.has(user)).toBe(true);
    expect(large.size).toBeGreaterThan(3 * small.size);
  });

  test('the hash is one number of 64 bits', () => {
    fc.assert(fc.property(fc.integer(), fc.integer(), fc.integer({ min: 1, max: 0xffffffff }), (hi, lo, divisor) => {
      const value = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
      expect(remainder({ hi, lo }, divisor)).toBe(Number(value % BigInt(divisor)));
    }));
  });
});

describe('hash policies', () => {
  const header = (name: string, terminal = false): HashPolicyConfig => ({ key: { kind: 'header', name }, terminal });
  const cookie = (ttl: number | undefined, path = ''): HashPolicyConfig => ({ key: { kind: 'cookie', name: 'session', ttl, path }, terminal: false });
  const hashWith = (hash: readonly HashPolicyConfig[], request = head('/')) => {
    const made = { setCookies: [] as string[] };
    const result = forwardOf(matched(routes(route('r', { action: forward({ hash }) })), request)).hash(request, made);
    return { hash: result, setCookie: made.setCookies[0] as string | undefined };
  };
  const withHeaders = (headers: Record<string, string>) => head('/?user=7&x', { headers });

  test('each key is hashed by xxHash64 of its value', () => {
    expect(hashWith([header('x-user')], withHeaders({ 'x-user': 'ada' })).hash).toEqual(hashOf('ada'));
    expect(hashWith([header('x-user')], withHeaders({ 'x-user': '' })).hash).toEqual(hashOf(''));
    expect(hashWith([header(':path')], head('/p')).hash).toEqual(hashOf('/p'));
    expect(hashWith([{ key: { kind: 'query', name: 'user' }, terminal: false }], withHeaders({})).hash).toEqual(hashOf('7'));
    expect(hashWith([{ key: { kind: 'source_ip' }, terminal: false }]).hash).toEqual(hashOf('10.0.0.9'));
    expect(hashWith([cookie(undefined)], withHeaders({ cookie: 'a=b; session=s1; session=s2' })).hash).toEqual(hashOf('s1'));
    expect(hashWith([cookie(undefined)], withHeaders({ cookie: 'a=b;session="s 1"' })).hash).toEqual(hashOf('s 1'));
    expect(hashWith([cookie(undefined)], withHeaders({ cookie: 'session="; x' })).hash).toEqual(hashOf('"'));
  });

  test('nothing found, no hash', () => {
    const missing = { key: { kind: 'query', name: 'none' }, terminal: true } as const;
    expect(hashWith([])).toEqual({ hash: undefined, setCookie: undefined });
    expect(hashWith([header('x-user', true), missing], withHeaders({ cookie: 'sessions=1; xsession=2' })).hash).toBeUndefined();
    expect(hashWith([cookie(undefined)], withHeaders({ cookie: 'session=; a=session=1' })).hash).toBeUndefined();
  });

  test('several are combined, order counts, and the same twice does not cancel itself', () => {
    const big = ({ hi, lo }: { hi: number; lo: number }) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    const rotated = (value: bigint) => ((value << 1n) | (value >> 63n)) & ((1n << 64n) - 1n);
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => {
      expect(big(hashWith([header('a'), header('b')], withHeaders({ a, b })).hash!)).toBe(rotated(big(hashOf(a))) ^ big(hashOf(b)));
    }));
    const request = withHeaders({ a: '1', b: '2' });
    const combined = big(hashWith([header('a'), header('b')], request).hash!);
    expect(big(hashWith([header('b'), header('a')], request).hash!)).not.toBe(combined);
    expect(big(hashWith([header('a'), header('a')], request).hash!)).not.toBe(0n);
    expect(hashWith([header('none'), header('b')], request).hash).toEqual(hashOf('2'));
  });

  test('a terminal policy that leaves a hash ends it, one that finds nothing does not', () => {
    const request = withHeaders({ a: '1', b: '2' });
    expect(hashWith([header('a', true), header('b')], request).hash).toEqual(hashOf('1'));
    expect(hashWith([header('none', true), header('b')], request).hash).toEqual(hashOf('2'));
    // As in Envoy: there is a hash already, so the terminal policy ends it though it found nothing itself.
    expect(hashWith([header('a'), header('none', true), header('b')], request).hash).toEqual(hashOf('1'));
  });

  test('a cookie with a ttl is made where there is none, and hashes alike when it comes back', () => {
    const first = hashWith([cookie(3_600_000, '/shop')]);
    expect(first.setCookie).toMatch(/^session="[0-9a-f]{16}"; Max-Age=3600; Path=\/shop; HttpOnly$/);
    const sent = first.setCookie!.split(';')[0]!;
    const again = hashWith([cookie(3_600_000, '/shop')], withHeaders({ cookie: `x=y; ${sent}` }));
    expect(again).toEqual({ hash: first.hash, setCookie: undefined });
    expect(hashWith([cookie(0)]).setCookie).toMatch(/^session="[0-9a-f]{16}"; HttpOnly$/);
    expect(hashWith([cookie(undefined)])).toEqual({ hash: undefined, setCookie: undefined });
    expect(hashWith([cookie(1000)], withHeaders({ cookie: 'session=' })).setCookie).toBeDefined();
  });

  test('each cookie policy that finds none makes its own', () => {
    const called = (name: string): HashPolicyConfig => ({ key: { kind: 'cookie', name, ttl: 0, path: '' }, terminal: false });
    const made = { setCookies: [] as string[] };
    compileHash([called('a'), called('b'), called('c')], seeded(3))(withHeaders({ cookie: 'b=1' }), made);
    expect(made.setCookies.map((text) => text.split('=')[0])).toEqual(['a', 'c']);
  });

  test('every client gets a cookie of its own', () => {
    const random = seeded(9);
    const hash = compileHash([cookie(1000)], random);
    const values = Array.from({ length: 1000 }, () => {
      const made = { setCookies: [] as string[] };
      hash(head('/'), made);
      return made.setCookies[0];
    });
    expect(new Set(values).size).toBe(1000);
  });
});

describe('header mutations', () => {
  const set = (name: string, value: string): HeaderMutation => ({ ...nothing, set: [{ name, value }] });
  const append = (name: string, value: string): HeaderMutation => ({ ...nothing, append: [{ name, value }] });
  const remove = (...names: string[]): HeaderMutation => ({ ...nothing, remove: names });

  /** What the data path does with one mutation. */
  const apply = (mutation: HeaderMutation | undefined, from: readonly (readonly [string, string])[]) => {
    if (!mutation) return from;
    const gone = new Set([...mutation.remove, ...mutation.set.map(({ name }) => name)]);
    return [
      ...from.filter(([name]) => !gone.has(name)),
      ...[...mutation.set, ...mutation.append].map(({ name, value }) => [name, value] as const),
    ];
  };

  test('the virtual host comes last and wins, the chosen cluster first', () => {
    const given = table(virtualHost(['*'], [route('r', {
      requestHeaders: { remove: [], set: [{ name: 'x-a', value: 'route' }, { name: 'x-b', value: 'route' }], append: [{ name: 'x-c', value: 'route' }] },
      responseHeaders: set('x-r', 'route'),
      action: forward({
        clusters: [
          weighted('v1', 1, { requestHeaders: { remove: ['x-d'], set: [{ name: 'x-b', value: 'v1' }], append: [{ name: 'x-c', value: 'v1' }] } }),
          weighted('v2'),
        ],
      }),
    })], { requestHeaders: set('x-a', 'host'), responseHeaders: remove('x-powered-by') }));
    const match = matched(given, head('/'));
    const [v1, v2] = [{ cluster: 'v1', index: 0 }, { cluster: 'v2', index: 1 }];
    expect(match.requestHeaders(v1)).toEqual({
      remove: ['x-d'],
      set: [{ name: 'x-b', value: 'route' }, { name: 'x-a', value: 'host' }],
      append: [{ name: 'x-c', value: 'v1' }, { name: 'x-c', value: 'route' }],
    });
    expect(match.requestHeaders(v2)).toEqual(match.requestHeaders(undefined));
    expect(match.responseHeaders(v1)).toEqual({ remove: ['x-powered-by'], set: [{ name: 'x-r', value: 'route' }], append: [] });
    expect(match.requestHeaders(v1)).toBe(match.requestHeaders(v1));
  });

  test('none is undefined; %% is a percent sign', () => {
    const plain = matched(routes(route('r')), head('/'));
    expect([plain.requestHeaders(undefined), plain.responseHeaders({ cluster: 'payment', index: 0 })]).toEqual([undefined, undefined]);
    const percent = matched(routes(route('r', { requestHeaders: set('x-share', '5%% of %%%%') })), head('/'));
    expect(percent.requestHeaders(undefined)!.set).toEqual([{ name: 'x-share', value: '5% of %%' }]);
  });

  test('a redirect and a direct response have answer headers too', () => {
    const given = matched(routes(route('r', { action: redirect(), responseHeaders: append('x-r', '1') })), head('/'));
    expect(given.responseHeaders(undefined)!.append).toEqual([{ name: 'x-r', value: '1' }]);
  });

  test('one combined mutation does what the three do one after the other', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const value = fc.record({ name, value: fc.constantFrom('1', '2', '3') });
    const mutation = fc.record({
      remove: fc.uniqueArray(name),
      set: fc.uniqueArray(value, { selector: (header) => header.name }),
      append: fc.array(value, { maxLength: 3 }),
    });
    const sorted = (headers: readonly (readonly [string, string])[]) =>
      ['a', 'b', 'c'].map((key) => headers.filter((header) => header[0] === key).map((header) => header[1]));
    fc.assert(fc.property(fc.array(mutation, { maxLength: 3 }), fc.array(value, { maxLength: 4 }), (mutations, headers) => {
      const from = headers.map((one) => [one.name, one.value] as const);
      const oneByOne = mutations.reduce<readonly (readonly [string, string])[]>((state, one) => apply(one, state), from);
      expect(sorted(apply(combineMutations(mutations), from))).toEqual(sorted(oneByOne));
    }), { numRuns: 500 });
  });
});

describe('retry', () => {
  const retry = (requestMatches: RetryConfig['requestMatches']): RetryConfig => ({
    on: {
      connectFailure: true, refusedStream: false, reset: false, gatewayError: false, serverError: false, retriable4xx: false, statusCodes: new Set(),
      grpcStatuses: new Set(),
    },
    maxRetries: 3,
    perTryTimeout: 500,
    perTryIdleTimeout: 0,
    baseInterval: 100,
    maxInterval: 1000,
    jitter: 1,
    avoidPreviousHosts: true,
    hostSelectionAttempts: 3,
    requestMatches,
    maxReplayBytes: 65_536,
    rateLimitedMaxInterval: 0,
  });
  const mayRetry = (config: RetryConfig | undefined, method: string) =>
    forwardOf(matched(routes(route('r', { action: forward({ retry: config }) })), head('/'))).mayRetry(head('/', { method }));

  test('where the policy names requests, those that match one of them', () => {
    const safe = retry([named(':method', is('GET')), named(':method', is('HEAD'))]);
    expect(['GET', 'HEAD', 'POST'].map((method) => mayRetry(safe, method))).toEqual([true, true, false]);
    expect(mayRetry(retry([]), 'POST')).toBe(true);
  });

  test('the action carries what the router needs', () => {
    const config = retry([]);
    const action = forwardOf(matched(routes(route('r', {
      action: forward({ retry: config, timeout: 2000, idleTimeout: 5, hostRewrite: 'p.example', clusterNotFoundStatus: 404 }),
    })), head('/')));
    expect(action).toMatchObject({ retry: config, timeout: 2000, idleTimeout: 5, clusterNotFoundStatus: 404 });
    expect(action.choose(undefined, () => 0)).toEqual({ cluster: 'payment', index: 0, hostRewrite: 'p.example' });
  });

  test('the host of a chosen cluster is instead of that of the route', () => {
    const clusters = [weighted('inside', 1), weighted('outside', 1, { hostRewrite: 'api.example' })];
    const choices = [undefined, 'p.example'].map((hostRewrite) => {
      const action = forwardOf(matched(routes(route('r', { action: forward({ clusters, hostRewrite }) })), head('/')));
      return [0, 0.9].map((chance) => action.choose(undefined, () => chance).hostRewrite);
    });
    expect(choices).toEqual([[undefined, 'api.example'], ['p.example', 'api.example']]);
  });
});

describe('what does not compile', () => {
  test('all of it is said at once, each with its place', () => {
    const by = (substitution: string): PathRewriteConfig => ({ kind: 'regex', pattern: 'a', substitution });
    const bad = () => table(
      virtualHost(['payment', '*'], [
        route('one', { path: regex('/(') }),
        route('', { headers: [named('x-v', { kind: 'regex', value: '[' })], queryParams: [named('q', { kind: 'regex', value: '*' })] }),
        route('three', { action: forward({ clusters: [weighted('a', 0), weighted('b', 0)] }) }),
      ], { name: 'payment' }),
      virtualHost(['payment', '*', '*.x', 'y.*'], [route('four', { action: forward({ rewrite: by('\\1') }) })], { name: 'again' }),
      virtualHost(['*.x', 'y.*'], [route('five', { action: redirect({ rewrite: by('\\x') }) })], { name: 'third' }),
    );
    let message = '';
    try {
      bad();
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split('\n')).toEqual([
      expect.stringMatching(/^route table 'outbound', virtual host 'payment', route 0 'one': match\.path: .*missing closing \)/),
      expect.stringMatching(/virtual host 'payment', route 1: match\.headers\[x-v\]: .*missing closing \]/),
      expect.stringMatching(/virtual host 'payment', route 1: match\.query_parameters\[q\]: .*missing argument/),
      expect.stringMatching(/virtual host 'payment', route 2 'three': route: the weights of its clusters sum to 0/),
      expect.stringMatching(/virtual host 'again', route 0 'four': route\.rewrite: the substitution names group \\1, but the pattern has 0/),
      expect.stringMatching(/virtual host 'again': domain 'payment' stands in the table already/),
      expect.stringMatching(/virtual host 'again': domain '\*' stands in the table already/),
      expect.stringMatching(/virtual host 'third', route 0 'five': redirect: a backslash in the substitution must be followed by/),
      expect.stringMatching(/virtual host 'third': domain '\*\.x' stands in the table already/),
      expect.stringMatching(/virtual host 'third': domain 'y\.\*' stands in the table already/),
    ]);
  });
});
