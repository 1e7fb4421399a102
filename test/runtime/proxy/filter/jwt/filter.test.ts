import type { JwtProviderConfig, JwtRequirement, JwtRuleConfig } from '../../../../../runtime/proxy/config/types';
import { jwtProviderConfig } from '../../support/config';
import { parseAnswer } from '../../support/harness';
import { IssuerKey, jwks } from '../../support/tokens';
import { answerKeys, ask, BEGIN, CLAIMS, configured, end, everywhere, fetches, harness, key, metrics, NEEDED, requests, second, served, start } from './support';

afterEach(end);

describe('whoever asks', () => {
  test('without a token hears how to send one, and nothing of it goes on', async () => {
    await start();
    for (const headers of ['', 'authorization: Basic YTpi\r\n', 'authorization: Bearer\r\n']) {
      const { status, headers: answered, body } = parseAnswer(ask(undefined, { headers }).received);
      expect(status).toBe(401);
      expect(answered['www-authenticate']).toBe('Bearer realm="payment.shop"');
      expect(JSON.parse(body)).toMatchObject({ type: 'https://meshwright.dev/problems/token-missing', status: 401, policy: 'authentication' });
    }
    expect(harness.seen[0]).toMatchObject({ status: 401, flag: 'UAEX', detail: 'jwt_authn_access_denied{missing}' });
    expect([requests().length, fetches().length]).toEqual([0, 0]);
    expect(metrics()).toEqual({ 'envoy_http_jwt_authn_denied': 3, 'meshwright_token_denied_total missing': 3 });
  });

  test('with a wrong one hears what is wrong with it; logs and metrics have the reason, and nothing of the token', async () => {
    await start({ keys: { ahead: true } });
    answerKeys(jwks(key));
    const wrong: readonly (readonly [string, string, string])[] = [
      ['garbage', 'malformed', 'The token is malformed'],
      [key.token({ ...CLAIMS, aud: 'other' }), 'audience', 'The token is for another audience'],
      [key.token({ ...CLAIMS, iss: 'https://evil.example' }), 'issuer', 'The issuer of the token is another one'],
      [key.token({ ...CLAIMS, exp: BEGIN - 61 }), 'expired', 'The token has expired'],
      [second.token(CLAIMS, { kid: key.id }), 'unknown_key', 'The key of the token is not known'],
      [new IssuerKey('ES256', key.id).token(CLAIMS), 'signature', 'The signature of the token is wrong'],
    ];
    for (const [token, reason, description] of wrong) {
      const { status, headers } = parseAnswer(ask(token).received);
      expect([status, headers['www-authenticate']]).toEqual([401, `Bearer realm="payment.shop", error="invalid_token", error_description="${description}"`]);
      expect(harness.seen.at(-1)).toMatchObject({ status: 401, flag: 'UAEX', detail: `jwt_authn_access_denied{${reason}}` });
      expect(JSON.stringify(harness.seen.at(-1))).not.toContain(token);
    }
    // A second field of the same name is no second chance.
    expect(parseAnswer(ask(key.token(CLAIMS), { headers: `authorization: Bearer ${key.token(CLAIMS)}\r\n` }).received).status).toBe(401);
    expect(metrics()).toMatchObject({
      'envoy_http_jwt_authn_denied': 7, 'meshwright_token_denied_total malformed': 2, 'meshwright_token_denied_total signature': 1, 'envoy_http_jwt_authn_jwks_fetch_success': 1,
    });
  });

  test('by gRPC gets its status', async () => {
    await start();
    const client = ask(undefined, { headers: 'content-type: application/grpc\r\n' });
    expect(parseAnswer(client.received)).toMatchObject({
      status: 200, headers: { 'grpc-status': '16', 'www-authenticate': 'Bearer realm="payment.shop"' },
    });
  });

  test('with a right one is served, by a token that is verified once, and the scheme in either case', async () => {
    await start({ keys: { ahead: true } });
    answerKeys(jwks(key));
    const token = key.token(CLAIMS);
    for (let i = 0; i < 3; i++) expect(served(ask(token))).toContain(`authorization: Bearer ${token}`);
    served(ask(undefined, { headers: `authorization: bearer ${token}\r\n` }));
    expect(metrics()).toEqual({
      envoy_http_jwt_authn_allowed: 4, envoy_http_jwt_authn_jwt_cache_hit: 3, envoy_http_jwt_authn_jwt_cache_miss: 1,
      envoy_http_jwt_authn_jwks_fetch_success: 1,
    });
  });
});

describe('claims', () => {
  const provider: Partial<JwtProviderConfig> = {
    claimHeaders: [
      { header: 'x-user', claim: 'sub' }, { header: 'x-tenant', claim: 'org.tenant' }, { header: 'x-roles', claim: 'https://example.com/roles' },
      { header: 'x-admin', claim: 'admin' },
    ],
  };

  test('become headers, which nobody else may send, whatever the version and in whatever case', async () => {
    await start({ provider: { ...provider, forward: false }, keys: { ahead: true } });
    answerKeys(jwks(key));
    const token = key.token({ ...CLAIMS, 'sub': 'Zoë', 'org': { tenant: 7 }, 'https://example.com/roles': ['a'] });
    const sent = served(ask(token, { headers: 'X-User: root\r\nx-user: root\r\nX-TENANT: 1\r\nx-admin: true\r\nx-other: 1\r\n' }));
    expect(sent.toLowerCase()).not.toContain('root');
    expect(sent).toContain(`x-user: ${Buffer.from('Zoë').toString('latin1')}\r\nx-tenant: 7\r\nx-roles: ${Buffer.from('["a"]').toString('base64')}\r\n`);
    expect(sent).toContain('x-other: 1');
    expect(sent).not.toMatch(/x-admin|authorization/i);
  });

  test('a line break in one makes no header', async () => {
    await start({ provider, keys: { ahead: true } });
    answerKeys(jwks(key));
    expect(served(ask(key.token({ ...CLAIMS, sub: 'a\r\nx-admin: true' })))).not.toMatch(/x-admin|x-user/i);
  });

  test('what a route does to headers comes after', async () => {
    const changes = { remove: ['x-tenant'], set: [{ name: 'x-user', value: 'route' }], append: [] };
    await start({ provider, keys: { ahead: true }, route: { requestHeaders: changes } });
    answerKeys(jwks(key));
    const sent = served(ask(key.token({ ...CLAIMS, org: { tenant: 7 }, admin: true })));
    expect(sent).toContain('x-user: route');
    expect(sent).toContain('x-admin: true');
    expect(sent).not.toMatch(/ann|x-tenant/);
  });

  test('are not taken from whoever needs no token', async () => {
    const health: JwtRuleConfig = { path: { kind: 'prefix', value: '/open', ignoreCase: false }, headers: [], queryParams: [], requires: undefined };
    await start({ provider, config: { rules: [health, everywhere({ kind: 'any', of: [NEEDED, { kind: 'allow_missing' }] })] }, keys: { ahead: true } });
    answerKeys(jwks(key));
    for (const path of ['/open', '/']) expect(served(ask(undefined, { path, headers: 'x-user: root\r\n' }))).not.toContain('root');
    // Allowed to be missing is not allowed to be wrong.
    expect(parseAnswer(ask('garbage').received).status).toBe(401);
    expect(served(ask(key.token(CLAIMS)))).toContain('x-user: ann');
  });
});

describe('what is asked of a request', () => {
  const open: JwtRuleConfig = { path: { kind: 'path_separated_prefix', value: '/open', ignoreCase: false }, headers: [], queryParams: [], requires: undefined };

  test('a path that two may read differently is no open one', async () => {
    await start({ config: { rules: [open, everywhere(NEEDED)] } });
    for (const path of ['/open', '/open/a?b=/../c']) served(ask(undefined, { path }));
    for (const path of ['/open/../secret', '/open/%2e%2e/secret', '/open//x', '/open/..%2fsecret', '/open/x;y', '/opened']) {
      expect([path, parseAnswer(ask(undefined, { path }).received).status]).toEqual([path, 401]);
    }
  });

  test('a route may ask for something else, or nothing; what it names and is not there nobody has', async () => {
    const ofRoute = (config: object) => ({ filters: new Map([['jwt', { kind: 'jwt' as const, name: 'jwt', config: undefined, ofRoute: config as never }]]) });
    await start({ route: ofRoute({ disabled: true }) });
    served(ask(undefined));
    await harness.proxy.apply(configured({ route: ofRoute({ disabled: false, requirement: 'other' }), config: { rules: [] } }));
    expect(parseAnswer(ask(undefined).received).status).toBe(401);
    const named = new Map<string, JwtRequirement>([['other', { kind: 'allow_missing_or_failed' }]]);
    await harness.proxy.apply(configured({ route: ofRoute({ disabled: false, requirement: 'other' }), config: { named } }));
    served(ask('garbage'));
  });

  test('a CORS preflight has no token', async () => {
    await start({ config: { bypassCorsPreflight: true } });
    const preflight = 'origin: https://shop.example\r\naccess-control-request-method: POST\r\n';
    const client = harness.send(`OPTIONS / HTTP/1.1\r\nhost: shop\r\n${preflight}\r\n`);
    served(client);
    expect(parseAnswer(ask(undefined, { headers: preflight }).received).status).toBe(401);
  });

  test('of two providers each has its own tokens', async () => {
    const staff = jwtProviderConfig({ name: 'staff', issuer: 'https://staff.example', keys: { kind: 'local', jwks: jwks(second) } });
    const customers = jwtProviderConfig({ keys: { kind: 'local', jwks: jwks(key) } });
    const any: JwtRequirement = { kind: 'any', of: [NEEDED, { kind: 'provider', provider: 'staff', audiences: ['payment', 'office'] }] };
    await start({ config: { providers: [customers, staff], rules: [everywhere(any)] } });
    served(ask(key.token(CLAIMS)));
    served(ask(second.token({ ...CLAIMS, iss: 'https://staff.example', aud: 'office' })));
    // One's key does not speak for the other.
    ask(second.token(CLAIMS));
    ask(key.token({ ...CLAIMS, iss: 'https://staff.example' }));
    ask(second.token({ ...CLAIMS, iss: 'https://staff.example', exp: BEGIN - 100 }));
    expect(harness.seen.slice(-3).map(({ detail }) => detail)).toEqual([
      'jwt_authn_access_denied{unknown_key}', 'jwt_authn_access_denied{unknown_key}', 'jwt_authn_access_denied{expired}',
    ]);
  });
});
