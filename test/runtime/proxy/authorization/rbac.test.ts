import * as fc from 'fast-check';
import { Authorizer } from '../../../../runtime/proxy/authorization/authorizer';
import { isAmbiguousPath } from '../../../../runtime/proxy/authorization/rbac';
import type { Subject } from '../../../../runtime/proxy/authorization/subject';
import { httpRbac } from '../../../../runtime/proxy/config/decode/rbac';
import { Problems } from '../../../../runtime/proxy/config/problems';
import type { RbacConfig } from '../../../../runtime/proxy/config/rbac-types';
import { fromJson, HttpRbacSchema, type JsonValue } from '../../../../runtime/xds';
import { head } from '../route/support';

const ORDER = 'spiffe://shop.example/ns/shop/sa/order';

function decode(json: JsonValue): { config: RbacConfig; problems: readonly string[] } {
  const problems = new Problems();
  const config = httpRbac(fromJson(HttpRbacSchema, json), 'payment.shop', 'rbac', problems);
  return { config, problems: problems.list() };
}

function authorizer(rules: JsonValue, shadow?: JsonValue): Authorizer {
  const { config, problems } = decode({ rules, ...shadow !== undefined && { shadow_rules: shadow } });
  expect(problems).toEqual([]);
  return new Authorizer(config);
}

/** A request by somebody with a certificate. */
function request(path: string, { method = 'GET', uri = ORDER, peer = true, headers = {}, address = '10.0.0.7', port = 15006 } = {}): Subject {
  const asked = head(path, { method, headers });
  return { peer: peer ? { subject: '', uris: [uri], dnsNames: [] } : undefined, peerAddress: address, destinationPort: port, request: asked };
}

const calls = (permissions: JsonValue) => ({
  action: 'ALLOW',
  policies: { 'order.shop': { principals: [{ authenticated: { principal_name: { exact: ORDER } } }], permissions } },
});

describe('what is not declared is denied', () => {
  const rules = authorizer(calls([
    { and_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'POST' } } }, { url_path: { path: { exact: '/payments' } } }] } },
    { url_path: { path: { prefix: '/health/' } } },
  ]));

  test.each<[string, Subject, boolean]>([
    ['the declared call', request('/payments', { method: 'POST' }), true],
    ['with a query', request('/payments?retry=1', { method: 'POST' }), true],
    ['another method', request('/payments', { method: 'DELETE' }), false],
    ['another path', request('/refunds', { method: 'POST' }), false],
    ['below the path', request('/payments/1', { method: 'POST' }), false],
    ['a prefix', request('/health/live'), true],
    ['somebody else', request('/payments', { method: 'POST', uri: 'spiffe://shop.example/ns/shop/sa/storefront' }), false],
    ['the same name in another trust domain', request('/payments', { method: 'POST', uri: 'spiffe://evil.example/ns/shop/sa/order' }), false],
    ['nobody', request('/payments', { method: 'POST', peer: false }), false],
  ])('%s', (_, subject, allowed) => {
    expect(rules.check(subject) === undefined).toBe(allowed);
  });

  test('the log says who, what, and which rule was missing, without the query', () => {
    expect(rules.check(request('/refunds?token=secret', { method: 'POST' }))!.detail)
      .toBe('rbac_access_denied{no rule allows order.shop → payment.shop: POST /refunds; add it to what order.shop may ask for (allow)}');
    expect(rules.check(request('/payments', { method: 'POST', peer: false }))!.detail)
      .toBe('rbac_access_denied{no rule allows 10.0.0.7 without identity → payment.shop: POST /payments; callers need a certificate of the mesh}');
  });
});

describe('paths that two readers may read in two ways', () => {
  const rules = authorizer(calls([{ url_path: { path: { prefix: '/public/' } } }]));
  test.each(['/public/../admin', '/public/./x', '/public//x', '/public/%2e%2e/admin', '/public/%2F/x', '/public/..', '/public/.', '/public/a\\b', '/public/a;v=1', '/public/%5c', '/public/%00'])(
    '%s is decided by no rule about paths', (path) => {
      expect(rules.check(request(path))!.detail).toContain('can be read in two ways');
    });

  test.each(['/', '/public/', '/public/a.b', '/public/a..b', '/public/.well-known', '/public/...', '/public/a?b=/../c', '/public/%20'])('%s is plain', (path) => {
    expect(isAmbiguousPath(path)).toBe(false);
  });

  test('where no rule is about paths they are nobody\'s business here', () => {
    expect(authorizer(calls([{ any: true }])).check(request('/public/../admin'))).toBeUndefined();
  });

  test('what is plain means the same after dots are resolved', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('a', '.', '..', '', 'b.c', '%2e', '%2E%2e', '...'), { maxLength: 5 }), (segments) => {
      const path = `/${segments.join('/')}`;
      if (isAmbiguousPath(path)) return;
      expect(new URL(path, 'http://payment').pathname).toBe(path);
    }));
  });
});

describe('terms', () => {
  const decide = (principal: JsonValue, subject: Subject, permission: JsonValue = { any: true }) =>
    authorizer({ action: 'ALLOW', policies: { a: { principals: [principal], permissions: [permission] } } }).check(subject) === undefined;

  test('whoever has a certificate', () => {
    expect(decide({ authenticated: {} }, request('/'))).toBe(true);
    expect(decide({ authenticated: {} }, request('/', { peer: false }))).toBe(false);
  });

  test('a certificate without URIs is known by its DNS names, one without names by its subject', () => {
    const named = (dnsNames: string[], subject: string): Subject => ({ ...request('/'), peer: { subject, uris: [], dnsNames } });
    expect(decide({ authenticated: { principal_name: { exact: 'a.example' } } }, named(['b.example', 'a.example'], 'CN=c'))).toBe(true);
    expect(decide({ authenticated: { principal_name: { exact: 'CN=c' } } }, named(['a.example'], 'CN=c'))).toBe(false);
    expect(decide({ authenticated: { principal_name: { exact: 'CN=c' } } }, named([], 'CN=c'))).toBe(true);
  });

  test('addresses, ports, headers, and their opposites', () => {
    expect(decide({ direct_remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } }, request('/'))).toBe(true);
    expect(decide({ direct_remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } }, request('/', { address: '11.0.0.1' }))).toBe(false);
    expect(decide({ direct_remote_ip: { address_prefix: 'fd00::', prefix_len: 8 } }, request('/', { address: 'fd12::1' }))).toBe(true);
    expect(decide({ not_id: { direct_remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } } }, request('/'))).toBe(false);
    expect(decide({ any: true }, request('/'), { destination_port: 15006 })).toBe(true);
    expect(decide({ any: true }, request('/'), { not_rule: { destination_port: 15006 } })).toBe(false);
    expect(decide({ header: { name: 'x-tenant', string_match: { exact: 'a' } } }, request('/', { headers: { 'x-tenant': 'a' } }))).toBe(true);
    expect(decide({ or_ids: { ids: [{ authenticated: { principal_name: { exact: 'x' } } }, { any: true }] } }, request('/'))).toBe(true);
    expect(decide({ and_ids: { ids: [{ authenticated: { principal_name: { exact: 'x' } } }, { any: true }] } }, request('/'))).toBe(false);
  });

  test('what is about requests matches no connection of bytes', () => {
    const connection: Subject = { ...request('/'), request: undefined };
    expect(decide({ any: true }, connection, { url_path: { path: { prefix: '/' } } })).toBe(false);
    expect(decide({ any: true }, connection, { header: { name: ':method', present_match: true } })).toBe(false);
    expect(decide({ any: true }, connection, { destination_port: 15006 })).toBe(true);
    const denying = authorizer(calls([{ destination_port: 1 }]));
    expect(denying.check(connection)!.detail).toBe('rbac_access_denied{no rule allows order.shop → payment.shop: port 15006; add it to what order.shop may ask for (allow)}');
  });

  test('DENY is the opposite, and names the policy', () => {
    const rules = authorizer({ action: 'DENY', policies: { 'no-deletes': { principals: [{ any: true }], permissions: [{ header: { name: ':method', string_match: { exact: 'DELETE' } } }] } } });
    expect(rules.check(request('/'))).toBeUndefined();
    expect(rules.check(request('/', { method: 'DELETE' }))!.detail).toBe('rbac_access_denied{no-deletes denies order.shop → payment.shop: DELETE /}');
  });

  test('shadow rules only count', () => {
    const rules = authorizer({ action: 'ALLOW', policies: { all: { principals: [{ any: true }], permissions: [{ any: true }] } } }, calls([{ url_path: { path: { exact: '/' } } }]));
    expect(rules.check(request('/'))).toBeUndefined();
    expect(rules.check(request('/x'))).toBeUndefined();
    expect(rules.stats).toMatchObject({ allowed: 2, denied: 0, shadowAllowed: 1, shadowDenied: 1, shadowDeniedTo: new Map([['order.shop', 1]]) });
  });

  test('without rules everything is allowed', () => {
    expect(new Authorizer(decode({}).config).check(request('/', { peer: false }))).toBeUndefined();
  });
});

test('what cannot be decided on is refused where it stands', () => {
  expect(decode({
    rules: {
      policies: {
        b: { principals: [{}], permissions: [{ and_rules: {} }, { destination_port: 70000 }, { any: false }, { url_path: {} }] },
        a: { principals: [{ direct_remote_ip: { address_prefix: 'somewhere' } }] },
      },
    },
  }).problems).toEqual([
    'rbac.rules.policies["a"].permissions: is empty: at least one is required',
    'rbac.rules.policies["a"].principals[0].direct_remote_ip.address_prefix: "somewhere" must be an IP address',
    'rbac.rules.policies["b"].permissions[0].and_rules.rules: is empty: at least one is required',
    'rbac.rules.policies["b"].permissions[1].destination_port: 70000 must be between 1 and 65535',
    'rbac.rules.policies["b"].permissions[2].any: must be true; write not_rule or not_id for nobody',
    'rbac.rules.policies["b"].permissions[3].url_path.path: is required',
    'rbac.rules.policies["b"].principals[0]: needs one of any, and_ids, or_ids, not_id, authenticated, direct_remote_ip, header, url_path, metadata',
  ]);
});

describe('what a token says', () => {
  const scope = (name: string) => ({
    metadata: {
      filter: 'envoy.filters.http.jwt_authn', path: [{ key: 'payload' }, { key: 'scope' }], value: { list_match: { one_of: { string_match: { exact: name } } } },
    },
  });
  const claim = (path: readonly string[], value: JsonValue, invert = false) => (
    { metadata: { filter: 'envoy.filters.http.jwt_authn', path: path.map((key) => ({ key })), value, invert } }
  );
  const says = (claims: Record<string, unknown> | undefined, path = '/payments'): Subject => (
    { ...request(path, { method: 'POST' }), claims: claims && { payload: claims } }
  );

  test.each<[string, JsonValue, Record<string, unknown> | undefined, boolean]>([
    ['a word of a list', scope('write'), { scope: ['read', 'write'] }, true],
    ['not a part of a word', scope('write'), { scope: ['write:all'] }, false],
    ['no list', scope('write'), { scope: 'write' }, false],
    ['text', claim(['payload', 'tier'], { string_match: { exact: 'gold' } }), { tier: 'gold' }, true],
    ['a number is no text', claim(['payload', 'tier'], { string_match: { exact: '1' } }), { tier: 1 }, false],
    ['a truth value', claim(['payload', 'admin'], { bool_match: true }), { admin: true }, true],
    ['its text is none', claim(['payload', 'admin'], { bool_match: true }), { admin: 'true' }, false],
    ['deep', claim(['payload', 'org', 'id'], { string_match: { prefix: 'eu-' } }), { org: { id: 'eu-1' } }, true],
    ['what an object is born with is no claim', claim(['payload', 'constructor', 'name'], { present_match: true }), {}, false],
    ['something', claim(['payload', 'sub'], { present_match: true }), { sub: 'ann' }, true],
    ['nothing', claim(['payload', 'act'], { present_match: false }), { sub: 'ann' }, true],
    ['one of several', claim(['payload', 'tier'], { or_match: { value_matchers: ['gold', 'silver'].map((exact) => ({ string_match: { exact } })) } }),
      { tier: 'silver' }, true],
    ['the contrary', claim(['payload', 'tier'], { string_match: { exact: 'gold' } }, true), { tier: 'tin' }, true],
    ['without a token nothing, the contrary neither', claim(['payload', 'tier'], { string_match: { exact: 'gold' } }, true), undefined, false],
  ])('%s', (_, term, claims, allowed) => {
    expect(authorizer(calls([term])).check(says(claims)) === undefined).toBe(allowed);
  });

  test('who lacks only that hears it; who may not do it whatever a token says does not', () => {
    const rules = authorizer(calls([
      { and_rules: { rules: [{ url_path: { path: { exact: '/payments' } } }, scope('write')] } }, { url_path: { path: { exact: '/health' } } },
    ]));
    expect(rules.check(says({ scope: ['read'] }))).toEqual({
      detail: 'rbac_access_denied{no rule allows order.shop → payment.shop: POST /payments; its token needs scope write}', lacked: { scopes: ['write'] },
    });
    expect(rules.check(says(undefined))).toMatchObject({ lacked: { scopes: ['write'] } });
    expect(rules.check(says({ scope: ['write'] }, '/refunds'))).toMatchObject({ lacked: undefined });
    expect(rules.check({ ...says({ scope: ['read'] }), peer: undefined })).toMatchObject({ lacked: undefined });
    expect(rules.check(says({ scope: ['write'] }, '/x/../payments'))).toMatchObject({ lacked: undefined });
  });
});
