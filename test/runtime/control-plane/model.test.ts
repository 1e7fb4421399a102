import * as fc from 'fast-check';
import { byPrecedence, geohashPrefixes, NO_CHANGES, rankLocalities, shareUnchanged, type Backend, type Candidate, type Match, type Rule } from '../../../runtime/control-plane/model';
import { mesh, modelOf, slice, whole } from './support/documents';

const NOTHING: Match = { path: { kind: 'prefix', value: '/' }, method: undefined, headers: [], queryParams: [] };
const value = (name: string) => ({ name, kind: 'exact', value: 'x' }) as const;

function candidate(name: string, match: Partial<Match>, more: Partial<Candidate> = {}): Candidate {
  const rule: Rule = {
    name,
    kind: 'http',
    match: { ...NOTHING, ...match },
    requestHeaders: NO_CHANGES,
    responseHeaders: NO_CHANGES,
    action: { kind: 'redirect', scheme: 'https', host: undefined, port: undefined, path: undefined, status: 302 },
  };
  return { rule, createdAt: '', route: 'shop/a', order: 0, ...more };
}

describe('precedence', () => {
  const ordered = [
    candidate('exact, longer', { path: { kind: 'exact', value: '/longer' } }),
    candidate('exact', { path: { kind: 'exact', value: '/a' } }),
    candidate('regex', { path: { kind: 'regex', value: '/[a-z]+' } }),
    candidate('long prefix', { path: { kind: 'prefix', value: '/abc' } }),
    candidate('prefix with method', { path: { kind: 'prefix', value: '/ab' }, method: 'GET' }),
    candidate('prefix with two headers', { path: { kind: 'prefix', value: '/ab' }, headers: [value('a'), value('b')] }),
    candidate('prefix with a header and a parameter', { path: { kind: 'prefix', value: '/ab' }, headers: [value('a')], queryParams: [value('q')] }),
    candidate('prefix with a header', { path: { kind: 'prefix', value: '/ab' }, headers: [value('a')] }),
    candidate('prefix with a parameter', { path: { kind: 'prefix', value: '/ab' }, queryParams: [value('q')] }),
    candidate('old', { path: { kind: 'prefix', value: '/ab' } }, { createdAt: '2026-01-01T00:00:00Z', route: 'shop/z' }),
    candidate('young', { path: { kind: 'prefix', value: '/ab' } }, { createdAt: '2026-02-01T00:00:00Z', route: 'shop/a' }),
    candidate('first rule', {}, { route: 'shop/b' }),
    candidate('second rule', {}, { route: 'shop/b', order: 1 }),
    candidate('other route', {}, { route: 'shop/c' }),
  ];

  test('is the same whatever the order in which routes come', () => {
    fc.assert(fc.property(fc.shuffledSubarray(ordered, { minLength: ordered.length }), (shuffled) => {
      expect(byPrecedence(shuffled).map(({ name }) => name)).toEqual(ordered.map(({ rule }) => rule.name));
    }));
  });
});

describe('localities', () => {
  const at = (region: string, zone = 'z', count = 1) => ({
    region, zone, endpoints: Array.from({ length: count }, (_, index) => ({ address: `10.0.0.${index}`, port: 1, ready: true })),
  });
  const policy = { geohashHeader: undefined, failover: ['us', 'eu', 'ap'], healthyPercent: 70 };
  const ranks = (...input: Parameters<typeof rankLocalities>) => rankLocalities(...input).map(({ region, priority }) => `${region}:${priority}`);

  test('the own region, then failover in order, then what is of no region; others never', () => {
    expect(ranks([at(''), at('sa'), at('us'), at('eu'), at('eu', 'y')], policy, 'eu')).toEqual(['eu:0', 'eu:0', 'us:1', ':2']);
  });

  test('a region without endpoints leaves no gap', () => {
    expect(ranks([at('ap'), at('us', 'z', 0)], policy, 'eu')).toEqual(['ap:0']);
  });

  test('without a policy, or a region of the caller, all are alike', () => {
    expect(ranks([at('eu'), at('us')], undefined, 'eu')).toEqual(['eu:0', 'us:0']);
    expect(ranks([at('eu'), at('us')], policy, undefined)).toEqual(['eu:0', 'us:0']);
  });

  test('geohash prefixes: longest first, each once', () => {
    const regions = [{ name: 'eu', zones: [], geohashes: ['u', 'gc'] }, { name: 'us', zones: [], geohashes: ['dr5', 'gc', 'd'] }];
    expect(geohashPrefixes({ regions } as unknown as Backend)).toEqual([
      { prefix: 'dr5', region: 'us' }, { prefix: 'gc', region: 'eu' }, { prefix: 'd', region: 'us' }, { prefix: 'u', region: 'eu' },
    ]);
  });
});

function copy(tree: unknown): unknown {
  if (tree instanceof Map) return new Map([...tree].map(([key, item]) => [key, copy(item)]));
  if (Array.isArray(tree)) return tree.map(copy);
  return typeof tree === 'object' && tree !== null ? Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, copy(item)])) : tree;
}

describe('what did not change stays the same object', () => {
  const base = [mesh(), ...whole('order', ['10.0.0.1'], ['payment']), ...whole('payment', ['10.0.2.1'])];

  test('endpoints of one service', () => {
    const before = modelOf(base);
    const after = modelOf([...base.slice(0, -1), slice('payment', ['10.0.2.1', '10.0.2.2'])], before);
    expect(after).not.toBe(before);
    expect(after.services).toBe(before.services);
    expect(after.backends).toBe(before.backends);
    expect(after.endpoints.get('shop/order:8080')).toBe(before.endpoints.get('shop/order:8080'));
    expect(after.endpoints.get('shop/payment:8080')).not.toBe(before.endpoints.get('shop/payment:8080'));
    expect(modelOf(base, before)).toBe(before);
  });

  test('property: the result is equal to the new value, and to the old one where the two are equal', () => {
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.integer({ max: 3 }),
        fc.constantFrom('a', undefined, null),
        fc.array(tie('node')),
        fc.dictionary(fc.constantFrom('x', 'y'), tie('node'), { noNullPrototype: true }),
        fc.array(fc.tuple(fc.constantFrom('k', 'l'), tie('node'))).map((entries) => new Map(entries)),
      ),
    })).node;
    fc.assert(fc.property(tree, tree, (previous, next) => {
      expect(shareUnchanged(previous, next)).toStrictEqual(next);
      expect(shareUnchanged(next, copy(next))).toBe(next);
    }));
  });
});
