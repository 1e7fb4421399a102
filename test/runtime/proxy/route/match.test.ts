import * as fc from 'fast-check';
import type { PathMatchConfig, ValueMatchConfig } from '../../../../runtime/proxy/config/types';
import { seeded } from '../cluster/support';
import { exact, head, is, matched, named, nameOf, prefix, regex, route, routes, separated, table, virtualHost } from './support';

describe('virtual hosts', () => {
  const hosts = table(
    virtualHost(['payment', 'payment:8080', 'payment.shop.svc.cluster.local'], [route('exact')]),
    virtualHost(['*.shop.example'], [route('suffix')]),
    virtualHost(['*.eu.shop.example', '*-eu.shop.example'], [route('longer suffix')]),
    virtualHost(['payment.*'], [route('prefix')]),
    virtualHost(['payment.eu.*'], [route('longer prefix')]),
    virtualHost(['*'], [route('any')]),
  );

  test.each([
    ['payment', 'exact'],
    ['payment:8080', 'exact'],
    ['payment:9090', 'any'],
    ['payment.shop.svc.cluster.local', 'exact'],
    ['payment.shop.svc.cluster.local:80', 'prefix'],
    ['a.shop.example', 'suffix'],
    ['a.b.shop.example', 'suffix'],
    ['a.eu.shop.example', 'longer suffix'],
    ['a-eu.shop.example', 'longer suffix'],
    ['.shop.example', 'any'],
    ['shop.example', 'any'],
    ['payment.shop.example', 'suffix'],
    ['payment.com', 'prefix'],
    ['payment.eu.com', 'longer prefix'],
    ['payment.', 'any'],
    ['', 'any'],
  ])('%s → %s', (authority, expected) => {
    expect(nameOf(hosts, head('/', { authority }))).toBe(expected);
    // Again, as the answer may be remembered.
    expect(nameOf(hosts, head('/', { authority: 'other' }))).toBe('any');
    expect(nameOf(hosts, head('/', { authority }))).toBe(expected);
  });

  test('no virtual host, no route', () => {
    const only = table(virtualHost(['payment'], [route('a')]));
    expect(nameOf(only, head('/', { authority: 'ledger' }))).toBeUndefined();
    expect(nameOf(table(), head('/'))).toBeUndefined();
  });

  test('hosts that clients make up do not fill the memory, and do not change an answer', () => {
    for (let i = 0; i < 3000; i++) expect(nameOf(hosts, head('/', { authority: `h${i}.shop.example` }))).toBe('suffix');
    const remembered = (hosts as unknown as { remembered: Map<string, unknown> }).remembered;
    expect(remembered.size).toBeLessThanOrEqual(1024);
  });

  test('the routes of another virtual host are no fallback', () => {
    const given = table(virtualHost(['payment'], [route('a', { path: exact('/a') })]), virtualHost(['*'], [route('any')]));
    expect(nameOf(given, head('/b', { authority: 'payment' }))).toBeUndefined();
  });

  test('the longest matching domain wins, exact before suffix before prefix before any: as the plain definition says', () => {
    const label = fc.constantFrom('a', 'b', 'ab');
    const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
    const domain = fc.oneof(name, name.map((text) => `*.${text}`), name.map((text) => `*${text}`), name.map((text) => `${text}.*`), fc.constant('*'));
    fc.assert(fc.property(fc.uniqueArray(domain, { minLength: 1, maxLength: 8 }), name, (domains, authority) => {
      const given = table(...domains.map((text) => virtualHost([text], [route(text)])));
      const rank = (text: string) => {
        if (text === authority) return 4000;
        if (text === '*') return 1;
        const fixed = text.startsWith('*') ? text.slice(1) : text.slice(0, -1);
        if (authority.length <= fixed.length || !text.includes('*')) return 0;
        if (text.startsWith('*')) return authority.endsWith(fixed) ? 2000 + fixed.length : 0;
        return authority.startsWith(fixed) ? 1000 + fixed.length : 0;
      };
      const best = [...domains].sort((left, right) => rank(right) - rank(left))[0]!;
      expect(nameOf(given, head('/', { authority }))).toBe(rank(best) > 0 ? best : undefined);
    }));
  });
});

describe('paths', () => {
  const matches = (path: PathMatchConfig, request: string) => nameOf(routes(route('r', { path })), head(request)) === 'r';

  test.each<[PathMatchConfig, readonly string[], readonly string[]]>([
    [exact('/a'), ['/a', '/a?x=1', '/a?', '/a#f'], ['/a/', '/ab', '/', '/A', '/b?/a']],
    [exact('/A', true), ['/a', '/A?x'], ['/ab']],
    [prefix('/a'), ['/a', '/ab', '/a/b', '/a?x'], ['/', '/b', '/A', '/b?/a']],
    [prefix('/a/'), ['/a/', '/a/b'], ['/a', '/a?/']],
    [prefix('/Api', true), ['/API/x', '/api'], ['/ap']],
    [prefix('/'), ['/', '/x', '/?q'], []],
    [separated('/api'), ['/api', '/api/', '/api/x', '/api?x=1', '/api?/y'], ['/apix', '/ap', '/API']],
    [separated('/Api', true), ['/api/x', '/API'], ['/apix']],
    [regex('/a/\\d+'), ['/a/1', '/a/12?x'], ['/a/', '/a/1/b', 'x/a/1', '/a/1b']],
    [regex('/(a|ab)'), ['/a', '/ab'], ['/abc']],
    [regex('(?i)/abc'), ['/ABC'], ['/ABCD']],
  ])('%j', (path, yes, no) => {
    for (const request of yes) expect([request, matches(path, request)]).toEqual([request, true]);
    for (const request of no) expect([request, matches(path, request)]).toEqual([request, false]);
  });

  test('linear time, whatever the pattern', () => {
    expect(matches(regex('/(a+)+'), `/${'a'.repeat(30_000)}!`)).toBe(false);
  });
});

describe('headers', () => {
  const matches = (match: ValueMatchConfig, invert: boolean, headers: Record<string, string>) =>
    nameOf(routes(route('r', { headers: [named('x-v', match, invert)] })), head('/', { headers })) === 'r';
  const text = (kind: 'prefix' | 'suffix' | 'contains', value: string, ignoreCase = false): ValueMatchConfig => ({ kind, value, ignoreCase });

  test.each<[ValueMatchConfig, readonly string[], readonly string[]]>([
    [{ kind: 'present' }, ['', 'x'], []],
    [is('ab'), ['ab'], ['AB', 'abc', '', 'ab,ab']],
    [is('Ab', true), ['ab', 'AB'], ['abc']],
    [text('prefix', 'ab'), ['ab', 'abc'], ['a', 'xab', 'Ab']],
    [text('suffix', 'ab'), ['ab', 'xab'], ['abx']],
    [text('contains', 'ab'), ['ab', 'xaby'], ['ba', 'AB']],
    [text('contains', 'aB', true), ['xAby'], ['ba']],
    [{ kind: 'range', start: -5, end: 10 }, ['-5', '0', '9', '+3', ' 7 '], ['10', '-6', '3.5', '', 'x', '0x1', '1e0']],
    [{ kind: 'regex', value: '\\d{3}' }, ['123'], ['1234', '12', 'a123']],
  ])('%j', (match, yes, no) => {
    for (const value of yes) {
      expect([value, matches(match, false, { 'x-v': value })]).toEqual([value, true]);
      expect([value, matches(match, true, { 'x-v': value })]).toEqual([value, false]);
    }
    for (const value of no) {
      expect([value, matches(match, false, { 'x-v': value })]).toEqual([value, false]);
      expect([value, matches(match, true, { 'x-v': value })]).toEqual([value, true]);
    }
  });

  test('a missing header matches nothing, not even inverted, except that present inverted means absent', () => {
    expect(matches({ kind: 'present' }, false, {})).toBe(false);
    expect(matches({ kind: 'present' }, true, {})).toBe(true);
    for (const match of [is('a'), text('prefix', ''), { kind: 'range', start: 0, end: 9 } as const, { kind: 'regex', value: '.*' } as const]) {
      expect(matches(match, false, {})).toBe(false);
      expect(matches(match, true, {})).toBe(false);
    }
  });

  test('all must match; pseudo headers are headers', () => {
    const given = routes(route('r', {
      headers: [
        named(':method', is('POST')), named(':scheme', is('https')), named(':authority', is('payment:8080')), named('host', is('payment:8080')),
        named(':path', { kind: 'suffix', value: '?x=1', ignoreCase: false }), named('x-v', is('1')),
      ],
    }));
    const right = { method: 'POST', scheme: 'https' as const, headers: { 'x-v': '1' } };
    expect(nameOf(given, head('/?x=1', right))).toBe('r');
    for (const wrong of [{ method: 'GET' }, { scheme: 'http' as const }, { authority: 'other' }, { headers: {} }]) {
      expect(nameOf(given, head('/?x=1', { ...right, ...wrong }))).toBeUndefined();
    }
    expect(nameOf(given, head('/?x=2', right))).toBeUndefined();
  });
});

describe('query parameters', () => {
  const matches = (match: ValueMatchConfig, path: string, invert = false) =>
    nameOf(routes(route('r', { queryParams: [named('a', match, invert)] })), head(path)) === 'r';

  test.each<[string, ValueMatchConfig, boolean]>([
    ['/?a=1', is('1'), true],
    ['/?b=2&a=1&c=3', is('1'), true],
    ['/?a=1&a=2', is('1'), true],
    ['/?a=2&a=1', is('1'), false],
    ['/?ba=1', is('1'), false],
    ['/?ab=1', is('1'), false],
    ['/?b=a=1', is('1'), false],
    ['/?a=b=c', is('b=c'), true],
    ['/?a', { kind: 'present' }, true],
    ['/?a&b', is(''), true],
    ['/?a=', is(''), true],
    ['/?', { kind: 'present' }, false],
    ['/a=1', { kind: 'present' }, false],
    ['/?&&a=1', is('1'), true],
    // Nothing is decoded, as in Envoy.
    ['/?a=%31', is('1'), false],
    ['/?a=%31', is('%31'), true],
    ['/?%61=1', is('1'), false],
    ['/?a=x+y', is('x y'), false],
  ])('%s for %j: %s', (path, match, expected) => {
    expect(matches(match, path)).toBe(expected);
  });

  test('inverted', () => {
    expect(matches({ kind: 'present' }, '/?b', true)).toBe(true);
    expect(matches({ kind: 'present' }, '/?a', true)).toBe(false);
    expect(matches(is('1'), '/?a=2', true)).toBe(true);
    expect(matches(is('1'), '/?b=2', true)).toBe(false);
  });
});

describe('order', () => {
  test('the first that matches wins, whatever its kind', () => {
    expect(nameOf(routes(route('a', { path: prefix('/') }), route('b', { path: exact('/x') })), head('/x'))).toBe('a');
    expect(nameOf(routes(route('a', { path: exact('/x'), headers: [named('x-v', is('1'))] }), route('b')), head('/x'))).toBe('b');
  });

  test('a table of many routes says what trying them one after the other says', () => {
    const segment = fc.constantFrom('a', 'b', 'ab', 'api', 'orders');
    const text = fc.array(segment, { maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
    const path = fc.oneof<fc.Arbitrary<PathMatchConfig>[]>(
      text.map((value) => exact(value)), text.map((value) => prefix(value)), text.map((value) => separated(value)),
      text.map((value) => prefix(`${value}/`)), text.map((value) => exact(value, true)), text.map((value) => regex(`${value}.*`)),
    );
    const sketch = fc.record({ path, header: fc.boolean() });
    fc.assert(fc.property(fc.array(sketch, { minLength: 1, maxLength: 30 }), text, fc.constantFrom('', '?a=/api', '/', '#x'), fc.boolean(),
      (sketches, request, rest, header) => {
        const list = sketches.map((one, index) => route(`${index}`, { path: one.path, headers: one.header ? [named('x-v', is('1'))] : [] }));
        const asked = head(request + rest, { headers: header ? { 'x-v': '1' } : {} });
        const plain = list.find((one) => nameOf(routes(one), asked) !== undefined)?.name;
        expect(nameOf(routes(...list), asked)).toBe(plain);
      }), { numRuns: 400 });
  });
});

describe('fractions', () => {
  const share = (given: ReturnType<typeof routes>, name: string) => {
    const random = seeded(1);
    let taken = 0;
    for (let i = 0; i < 100_000; i++) if (nameOf(given, head('/'), random) === name) taken++;
    return taken / 100_000;
  };

  test('of the requests that match, that many take the route, the others go on', () => {
    const given = routes(route('some', { fraction: 50_000 }), route('rest'));
    expect(share(given, 'some')).toBeCloseTo(0.05, 2);
    expect(share(given, 'rest')).toBeCloseTo(0.95, 2);
    expect(share(routes(route('none', { fraction: 0 })), 'none')).toBe(0);
  });

  test('one number for all routes of a request, as in Envoy, and none where no fraction is asked for', () => {
    const given = routes(route('a', { fraction: 100_000 }), route('b', { fraction: 100_000 }), route('c', { fraction: 300_000 }), route('d'));
    expect(share(given, 'b')).toBe(0);
    expect(share(given, 'c')).toBeCloseTo(0.2, 2);
    const drawn: number[] = [];
    nameOf(given, head('/'), () => drawn.push(0.9) && 0.9);
    expect(drawn).toHaveLength(1);
    expect(matched(routes(route('x', { path: exact('/y'), fraction: 1 }), route('all')), head('/')).config.name).toBe('all');
  });
});

describe('names', () => {
  test('virtual host and route, or its place where it has no name', () => {
    const given = table(virtualHost(['*'], [route('canary', { path: exact('/c') }), route('')], { name: 'payment' }));
    expect(matched(given, head('/c')).fullName).toBe('payment/canary');
    expect(matched(given, head('/')).fullName).toBe('payment/1');
  });
});
