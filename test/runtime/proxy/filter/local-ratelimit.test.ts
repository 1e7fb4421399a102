import * as fc from 'fast-check';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import type { HttpFilterConfig, RateLimitConfig, TokenBucketConfig } from '../../../../runtime/proxy/config/types';
import { compileFilters, type FilterRequest, type HttpFilter, type LocalReply } from '../../../../runtime/proxy/filter';
import { HELD } from '../../../../runtime/proxy/filter/types';
import type { RouteMatch } from '../../../../runtime/proxy/route';
import { seeded } from '../cluster/support';
import { head, matched, nothing, route, table, virtualHost } from '../route/support';

function bucket(change: Partial<TokenBucketConfig> = {}): TokenBucketConfig {
  return { name: 'all', maxTokens: 10, tokensPerFill: 10, fillInterval: 1000, key: undefined, maxKeys: 100, ...change };
}

function limit(buckets: readonly TokenBucketConfig[], change: Partial<RateLimitConfig> = {}): RateLimitConfig {
  return { statPrefix: 'payment', buckets, statusCode: 429, headers: false, responseHeaders: nothing, enforcedPercent: 100, ...change };
}

function filterConfig(config: RateLimitConfig | undefined, name = 'limits'): HttpFilterConfig {
  return { kind: 'local_ratelimit', name, config };
}

/** Made once: compiling it is not what is tested. */
const PLAIN = plainRoute();

function plainRoute(own?: HttpFilterConfig, name = 'pay'): RouteMatch {
  const filters = new Map(own ? [[own.name, own]] : []);
  return matched(table(virtualHost(['*'], [route(name, { filters })], { name: 'payment' })), head('/'));
}

/** Any size of bucket. */
const sizes = (tokens: number, interval: number) => fc.record({
  maxTokens: fc.integer({ min: 1, max: tokens }),
  tokensPerFill: fc.integer({ min: 1, max: tokens }),
  fillInterval: fc.integer({ min: 50, max: interval }),
});

interface Sent {
  readonly reply: LocalReply | undefined;
  readonly headers: Record<string, string>;
}

function held(): never {
  throw new Error('a limit holds nothing');
}

function send(filter: HttpFilter, headers: Record<string, string> = {}, match = PLAIN): Sent {
  const added: Record<string, string> = {};
  const request: FilterRequest = {
    ...head('/', { headers }), route: match, peer: undefined, destinationPort: 80, request: undefined,
    addResponseHeader: (name, value) => { added[name] = value; }, limitBody: () => true,
    hold: held, delay: held, changeHeaders: held, setClaims: held,
  };
  const reply = filter.onRequest(request);
  return { reply: reply === HELD ? held() : reply, headers: added };
}

function start(config: RateLimitConfig | undefined, random = seeded(1)): { filter: HttpFilter; clock: VirtualClock } {
  const clock = new VirtualClock();
  return { filter: compileFilters([filterConfig(config)], { clock, random })[0]!, clock };
}

const admitted = (filter: HttpFilter, requests: number, headers: Record<string, string> = {}, match = PLAIN) => {
  let count = 0;
  for (let i = 0; i < requests; i++) if (!send(filter, headers, match).reply) count++;
  return count;
};

describe('one bucket', () => {
  test('admits the burst at once, then the rate', () => {
    const { filter, clock } = start(limit([bucket({ maxTokens: 20 })]));
    expect(admitted(filter, 100)).toBe(20);
    clock.advance(99);
    expect(admitted(filter, 1)).toBe(0);
    clock.advance(1);
    expect(admitted(filter, 5)).toBe(1);
    clock.advance(1000);
    expect(admitted(filter, 50)).toBe(10);
    clock.advance(3_600_000);
    expect(admitted(filter, 50)).toBe(20);
  });

  test('over any arrivals never more than burst + rate × time, and under saturation all of it', () => {
    const arrival = fc.record({ wait: fc.integer({ min: 0, max: 400 }), requests: fc.nat(30) });
    const config = sizes(50, 5000);
    fc.assert(fc.property(config, fc.array(arrival, { maxLength: 60 }), (change, arrivals) => {
      const { filter, clock } = start(limit([bucket(change)]));
      let count = 0;
      for (const { wait, requests } of arrivals) {
        clock.advance(wait);
        count += admitted(filter, requests);
        expect(count).toBeLessThanOrEqual(change.maxTokens + (clock.now() * change.tokensPerFill) / change.fillInterval + 1e-3);
      }
    }));
  });

  test.each([[100_000, 1000], [20_000, 1000], [7, 50], [1, 333]])('N ± 1 %% under saturation: %i tokens each %i ms', (tokensPerFill, fillInterval) => {
    // A burst of two: with one, the token that comes while the bucket is full between two arrivals is lost.
    const { filter, clock } = start(limit([bucket({ maxTokens: 2, tokensPerFill, fillInterval })]));
    const rate = tokensPerFill / fillInterval;
    const expected = 5000;
    let count = 0;
    while (clock.now() < expected / rate) {
      count += admitted(filter, 1);
      clock.advance(1 / (rate * 1.7));
    }
    expect(count / expected).toBeGreaterThan(0.99);
    expect(count / expected).toBeLessThan(1.01);
  });

  test('fills evenly: many small steps give what one large one gives', () => {
    const { filter, clock } = start(limit([bucket({ maxTokens: 5, tokensPerFill: 1, fillInterval: 1000 })]));
    admitted(filter, 5);
    for (let i = 0; i < 3000; i++) {
      clock.advance(0.999);
      expect(admitted(filter, 1)).toBe(i === 1001 || i === 2002 ? 1 : 0);
    }
  });
});

describe('several buckets', () => {
  const both = () => start(limit([
    bucket({ name: 'burst', maxTokens: 5, tokensPerFill: 5 }),
    bucket({ name: 'minute', maxTokens: 8, tokensPerFill: 60, fillInterval: 60_000 }),
  ]));

  test('all must admit, and a refused request takes nothing from any', () => {
    const { filter, clock } = both();
    expect(admitted(filter, 50)).toBe(5);
    clock.advance(1000);
    // Five in the first again; the second has 8 - 5 + 1, not less for the 45 that were refused.
    expect(admitted(filter, 50)).toBe(4);
    expect(send(filter).reply!.detail).toBe('local_rate_limited{payment:minute}');
  });

  test('what is admitted is what every bucket alone would have let pass of the admitted', () => {
    const some = fc.array(sizes(10, 3000), { minLength: 1, maxLength: 3 });
    fc.assert(fc.property(some, fc.array(fc.nat(500), { maxLength: 80 }), (given, waits) => {
      const { filter, clock } = start(limit(given.map((change, index) => bucket({ name: `${index}`, ...change }))));
      const tokens = given.map(({ maxTokens }) => maxTokens);
      for (const wait of waits) {
        clock.advance(wait);
        given.forEach(({ maxTokens, tokensPerFill, fillInterval }, index) => {
          tokens[index] = Math.min(maxTokens, tokens[index]! + (wait * tokensPerFill) / fillInterval);
        });
        const passes = tokens.every((left) => left >= 1 - 1e-6);
        expect(admitted(filter, 1)).toBe(passes ? 1 : 0);
        if (passes) tokens.forEach((left, index) => { tokens[index] = left - 1; });
      }
    }));
  });
});

describe('keys', () => {
  const user = bucket({ name: 'per user', maxTokens: 2, tokensPerFill: 1, key: { kind: 'header', name: 'x-user' }, maxKeys: 3 });

  test('each value has a bucket of its own; requests without one share one', () => {
    const { filter } = start(limit([user]));
    expect(admitted(filter, 5, { 'x-user': 'ada' })).toBe(2);
    expect(admitted(filter, 5, { 'x-user': 'bob' })).toBe(2);
    expect(admitted(filter, 5)).toBe(2);
    expect(admitted(filter, 5)).toBe(0);
  });

  test('the least recently seen is forgotten when there are too many', () => {
    const { filter } = start(limit([user]));
    for (const name of ['a', 'b', 'c']) admitted(filter, 2, { 'x-user': name });
    expect(admitted(filter, 1, { 'x-user': 'a' })).toBe(0);
    expect(admitted(filter, 2, { 'x-user': 'd' })).toBe(2);
    // b went, as a was seen since; a and c are still known.
    expect(admitted(filter, 1, { 'x-user': 'a' })).toBe(0);
    expect(admitted(filter, 1, { 'x-user': 'c' })).toBe(0);
    expect(admitted(filter, 5, { 'x-user': 'b' })).toBe(2);
  });

  test('as a plain map with a least recently used order says', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), wait: fc.nat(900) });
    fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 150 }), (maxKeys, steps) => {
      const { filter, clock } = start(limit([{ ...user, maxKeys }]));
      const model = new Map<string, { tokens: number; at: number }>();
      for (const { key, wait } of steps) {
        clock.advance(wait);
        const known = model.get(key) ?? { tokens: user.maxTokens, at: clock.now() };
        model.delete(key);
        if (model.size >= maxKeys) model.delete(model.keys().next().value!);
        known.tokens = Math.min(user.maxTokens, known.tokens + (clock.now() - known.at) / 1000);
        known.at = clock.now();
        model.set(key, known);
        const passes = known.tokens >= 1 - 1e-6;
        if (passes) known.tokens--;
        expect(admitted(filter, 1, { 'x-user': key })).toBe(passes ? 1 : 0);
      }
    }));
  });

  test('memory grows with the keys seen up to the bound, and no further', () => {
    const { filter } = start(limit([{ ...user, maxKeys: 1000 }]));
    for (let i = 0; i < 5000; i++) expect(admitted(filter, 1, { 'x-user': `u${i}` })).toBe(1);
    for (let i = 4000; i < 5000; i++) expect(admitted(filter, 2, { 'x-user': `u${i}` })).toBe(1);
    expect(admitted(filter, 2, { 'x-user': 'u0' })).toBe(2);
  });
});

describe('the refusal', () => {
  test('says what acted, on what, and when to come again', () => {
    const { filter, clock } = start(limit([bucket({ name: 'all' }), bucket({ name: 'slow', maxTokens: 1, tokensPerFill: 1, fillInterval: 2500 })], {
      statusCode: 503, responseHeaders: { remove: [], set: [{ name: 'x-limited', value: 'yes' }], append: [{ name: 'x-limited', value: 'local' }] },
    }));
    admitted(filter, 1);
    expect(send(filter).reply).toEqual({
      status: 503,
      flag: 'RL',
      detail: 'local_rate_limited{payment:slow}',
      problem: 'rate-limited',
      policy: 'rate-limit',
      title: "Rate limit 'slow' of payment/pay is used up",
      headers: [{ name: 'retry-after', value: '3' }, { name: 'x-limited', value: 'yes' }, { name: 'x-limited', value: 'local' }],
    });
    clock.advance(1500);
    expect(send(filter).reply!.headers![0]).toEqual({ name: 'retry-after', value: '1' });
    clock.advance(1000);
    expect(send(filter).reply).toBeUndefined();
  });

  test('who waits as long as Retry-After says is admitted, not before the bucket that is empty longest', () => {
    fc.assert(fc.property(fc.integer({ min: 50, max: 20_000 }), fc.integer({ min: 50, max: 20_000 }), fc.nat(20_000), (first, second, wait) => {
      const single = (fillInterval: number) => bucket({ maxTokens: 1, tokensPerFill: 1, fillInterval });
      const { filter, clock } = start(limit([single(first), single(second)]));
      admitted(filter, 1);
      clock.advance(wait);
      const { reply } = send(filter);
      const due = Math.max(first, second) - wait;
      expect(reply === undefined).toBe(due <= 0);
      if (!reply) return;
      const after = Number(reply.headers![0]!.value);
      expect(after).toBe(Math.max(1, Math.ceil(due / 1000)));
      clock.advance(after * 1000);
      expect(send(filter).reply).toBeUndefined();
    }));
  });

  test('enforced for a part only, the rest passes and takes nothing', () => {
    const { filter } = start(limit([bucket({ maxTokens: 1 })], { enforcedPercent: 30 }));
    admitted(filter, 1);
    expect(admitted(filter, 10_000) / 10_000).toBeCloseTo(0.7, 1);
    const none = start(limit([bucket({ maxTokens: 1 })], { enforcedPercent: 0 }));
    expect(admitted(none.filter, 100)).toBe(100);
  });
});

describe('RateLimit headers', () => {
  const parse = (field: string) => field.split(', ').map((item) => item.split(';'));

  test('say what is left and when there is more, on answers of both kinds', () => {
    const burst = bucket({ name: 'burst', maxTokens: 2, tokensPerFill: 1, fillInterval: 10_000 });
    const { filter, clock } = start(limit([burst, bucket({ name: 'all' })], { headers: true }));
    expect(send(filter)).toEqual({
      reply: undefined,
      headers: { 'ratelimit-policy': '"burst";q=1;w=10, "all";q=10;w=1', 'ratelimit': '"burst";r=1;t=10, "all";r=9;t=1' },
    });
    clock.advance(4000);
    expect(send(filter).headers.ratelimit).toBe('"burst";r=0;t=6, "all";r=9;t=1');
    const refused = send(filter);
    expect(refused.headers.ratelimit).toBe('"burst";r=0;t=6, "all";r=9;t=1');
    // Retry-After does not end before the window of what refused.
    expect(refused.reply!.headers![0]).toEqual({ name: 'retry-after', value: '6' });
  });

  test('off, there is none', () => {
    expect(send(start(limit([bucket()])).filter).headers).toEqual({});
    expect(send(start(limit([], { headers: true })).filter)).toEqual({ reply: undefined, headers: {} });
  });

  test.each([
    [bucket({ tokensPerFill: 1000, fillInterval: 50 }), '"all";q=20000;w=1'],
    [bucket({ tokensPerFill: 60, fillInterval: 60_000 }), '"all";q=60;w=60'],
    [bucket({ tokensPerFill: 3, fillInterval: 1500 }), '"all";q=4;w=2'],
    [bucket({ name: 'a "b" \\ é' }), '"a \\"b\\" \\\\ ?";q=10;w=1'],
  ])('the policy is stated in whole seconds, its name as a String: %#', (given, expected) => {
    expect(send(start(limit([given], { headers: true })).filter).headers['ratelimit-policy']).toBe(expected);
  });

  test('integers only, r never below 0', () => {
    fc.assert(fc.property(fc.array(fc.nat(3000), { maxLength: 40 }), (waits) => {
      const { filter, clock } = start(limit([bucket({ maxTokens: 3, tokensPerFill: 1, fillInterval: 1700 })], { headers: true }));
      for (const wait of waits) {
        clock.advance(wait);
        expect(parse(send(filter).headers.ratelimit!)).toEqual([['"all"', expect.stringMatching(/^r=[0-3]$/), expect.stringMatching(/^t=[12]$/)]]);
      }
    }));
  });
});

describe('routes and changes', () => {
  const small = (name = 'limits') => filterConfig(limit([bucket({ maxTokens: 1, tokensPerFill: 1, fillInterval: 60_000 })]), name);

  test('a route has its own limit, counted apart from the listener and from other routes', () => {
    const { filter } = start(limit([bucket({ maxTokens: 5 })]));
    const own = small();
    const [first, second] = [plainRoute(own, 'first'), plainRoute(small(), 'second')];
    expect(admitted(filter, 9, {}, first)).toBe(1);
    expect(admitted(filter, 9, {}, second)).toBe(1);
    expect(admitted(filter, 9)).toBe(5);
  });

  test('a route switches the limit off, or on where the listener has none', () => {
    const { filter } = start(limit([bucket({ maxTokens: 1 })]));
    expect(admitted(filter, 9, {}, plainRoute(filterConfig(undefined)))).toBe(9);
    const { filter: off } = start(undefined);
    expect(admitted(off, 9)).toBe(9);
    expect(admitted(off, 9, {}, plainRoute(small()))).toBe(1);
  });

  test('configuration for a filter of another name is none of this one', () => {
    const { filter } = start(limit([bucket({ maxTokens: 5 })]));
    expect(admitted(filter, 9, {}, plainRoute(small('other')))).toBe(5);
  });

  test('counts of a route last over a new table that leaves its limit as it was', () => {
    const { filter } = start(undefined);
    expect(admitted(filter, 2, {}, plainRoute(small()))).toBe(1);
    expect(admitted(filter, 2, {}, plainRoute(small()))).toBe(0);
    expect(admitted(filter, 9, {}, plainRoute(filterConfig(limit([bucket({ maxTokens: 3, tokensPerFill: 1, fillInterval: 60_000 })]))))).toBe(3);
  });

  test('the filters of a changed listener go on where their configuration is the same', () => {
    const clock = new VirtualClock();
    const random = seeded(1);
    const previous = compileFilters([small('a'), small('b')], { clock, random });
    previous.forEach((filter) => admitted(filter, 1));
    const changed = compileFilters([small('b'), filterConfig(limit([bucket()]), 'a'), small('c')], { clock, random, previous });
    expect(changed.map(({ name }) => name)).toEqual(['b', 'a', 'c']);
    expect(changed[0]).toBe(previous[1]);
    expect(changed.map((filter) => admitted(filter, 20))).toEqual([0, 10, 1]);
  });
});

describe('what a client sends does not say how much memory its bucket takes', () => {
  const byUser = bucket({ maxTokens: 1, tokensPerFill: 1, fillInterval: 60_000, key: { kind: 'header', name: 'x-user' }, maxKeys: 1000 });

  test('long keys are still told apart, by any of their bytes and by their length', () => {
    const { filter } = start(limit([byUser]));
    const long = 'k'.repeat(50_000);
    const keys = [long, `${long}k`, `${long.slice(1)}x`, `x${long.slice(1)}`, `${long.slice(0, 25_000)}x${long.slice(25_001)}`, 'k'.repeat(128), 'k'.repeat(129)];
    for (const key of keys) {
      expect(send(filter, { 'x-user': key }).reply).toBeUndefined();
      expect(send(filter, { 'x-user': key }).reply?.status).toBe(429);
    }
  });

  test('a thousand keys of 50 kB do not stay', () => {
    const { filter } = start(limit([byUser]));
    for (let i = 0; i < 1000; i++) send(filter, { 'x-user': `${i} ${'k'.repeat(50_000)} ${i}` });
    const { slots } = Object.values(filter as object).flatMap((limiter) => limiter?.limits ?? [])[0].buckets as { slots: Map<string, number> };
    expect(slots.size).toBe(1000);
    for (const key of slots.keys()) expect(key.length).toBeLessThanOrEqual(160);
  });
});
