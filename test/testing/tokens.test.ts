import { App, Chart, Duration } from 'cdk8s';
import {
  CallRule, Claim, HttpMethod, JwtAuthentication, Mesh, MeshService, ServicePolicy, ServicePort, StringMatch, TokenRequirement, type JwtOptions,
} from '../../src';
import { GrpcCode, TestIssuer, TestMesh, type Stub, type TestMeshOptions } from '../../testing';
import { hmacToken, IssuerKey, jwks, type SigningAlgorithm } from '../runtime/proxy/support/tokens';

const ISSUER = 'https://login.example';
const KEYS = (['RS256', 'ES256', 'EdDSA'] as const).map((algorithm) => new IssuerKey(algorithm, `key-${algorithm}`));
const [rsa, ec] = KEYS;
/** Virtual time begins then. */
const BEGIN = Date.UTC(2026, 0, 1) / 1000;
const CLAIMS = { iss: ISSUER, aud: 'payment', sub: 'ann', scope: 'payments:read payments:write', tier: 'gold', exp: BEGIN + 3600 };
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** An OpenID provider whose keys are at another host. */
const login: Stub = ({ path }) => (path === '/.well-known/openid-configuration' ? { body: { issuer: ISSUER, jwks_uri: 'https://keys.example/v1' } } : { status: 404 });
const keys: Stub = ({ path }) => (path === '/v1' ? { body: jwks(...KEYS) } : { status: 404 });
const OUTSIDE = { 'login.example': login, 'keys.example:443': keys };

function program(options: Partial<JwtOptions> = {}, authentication = JwtAuthentication.oidc(ISSUER, {
  audiences: ['payment'], claimHeaders: { 'x-user': 'sub', 'x-tier': 'tier' }, pathsWithoutToken: [StringMatch.exact('/healthz')], ...options,
})): App {
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const props = { mesh: new Mesh(shop, 'mesh', { trustDomain: 'shop.example' }), image: 'shop/app:1.0.0' };
  const payment = new MeshService(shop, 'payment', { ...props, port: ServicePort.http(8080), policies: [ServicePolicy.of('tokens', { authentication })] });
  const quotes = new MeshService(shop, 'quotes', { ...props, port: ServicePort.grpc(9090), authentication });
  const order = new MeshService(shop, 'order', { ...props, port: ServicePort.http(8080) });
  order.calls(payment, {
    allow: [
      CallRule.http({ methods: [HttpMethod.GET] }),
      CallRule.http({ methods: [HttpMethod.POST], path: StringMatch.exact('/charges'), claims: [Claim.scope('payments:write')] }),
      CallRule.http({ methods: [HttpMethod.DELETE], claims: [Claim.exactly('tier', 'gold'), Claim.contains('groups', 'staff')] }),
    ],
  });
  order.calls(quotes, { allow: [CallRule.grpc('shop.v1.Quotes', ['Get'], [Claim.scope('quotes:read')])] });
  return app;
}

async function meshOf(app = program(), options: TestMeshOptions = {}): Promise<TestMesh> {
  return TestMesh.of(app, { outside: OUTSIDE, ...options });
}

const denials = (mesh: TestMesh) => mesh.records.filter(({ listener }) => listener === 'inbound').map(({ detail }) => detail);

test.each(KEYS.map((key): [SigningAlgorithm, IssuerKey] => [key.algorithm, key]))('%s: from the construct to the application, and what the token says with it', async (_, key) => {
  const mesh = await meshOf();
  const answer = await mesh.request('order', 'http://payment/charges', { method: 'POST', headers: { ...bearer(key.token(CLAIMS)).headers, 'x-user': 'root', 'X-Tier': 'platinum' } });
  expect(answer.status).toBe(200);
  const [{ headers }] = mesh.received('payment');
  expect([headers['x-user'], headers['x-tier'], headers.authorization]).toEqual(['ann', 'gold', undefined]);
});

test('the control plane asks the issuer, proxies fetch the keys, and no request waits for them', async () => {
  const mesh = await meshOf();
  expect(mesh.received('login.example').map(({ path }) => path)).toContain('/.well-known/openid-configuration');
  expect(mesh.received('keys.example').map(({ path, at }) => [path, at])).toContainEqual(['/v1', 0]);
  const fetched = mesh.received('keys.example').length;
  for (let i = 0; i < 3; i++) expect((await mesh.request('order', 'http://payment/', bearer(ec.token({ ...CLAIMS, jti: i })))).status).toBe(200);
  expect(mesh.received('keys.example')).toHaveLength(fetched);
});

test('no token, a wrong one, none of ours: 401, with what RFC 6750 says', async () => {
  const mesh = await meshOf();
  const none = await mesh.request('order', 'http://payment/');
  expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer realm="payment.shop"']);
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  const header = (alg: string) => Buffer.from(JSON.stringify({ alg, kid: rsa.id })).toString('base64url');
  const unsigned = `${header('none')}.${Buffer.from(JSON.stringify(CLAIMS)).toString('base64url')}.`;
  for (const token of [
    'garbage', unsigned, hmacToken(CLAIMS, pem, { kid: rsa.id }), new IssuerKey('ES256', ec.id).token(CLAIMS), ec.token({ ...CLAIMS, aud: 'other' }),
    ec.token({ ...CLAIMS, exp: BEGIN - 61 }), rsa.token(CLAIMS, { kid: ec.id }), ec.token({ ...CLAIMS, iss: 'https://evil.example' }),
  ]) {
    const answer = await mesh.request('order', 'http://payment/', bearer(token));
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="payment.shop", error="invalid_token", error_description="/);
  }
  expect(mesh.received('payment')).toEqual([]);
  expect(denials(mesh)).toEqual(['missing', 'malformed', 'algorithm', 'algorithm', 'signature', 'audience', 'expired', 'unknown_key', 'issuer']
    .map((reason) => `jwt_authn_access_denied{${reason}}`));
});

test('a path without a token, and no way around', async () => {
  const mesh = await meshOf();
  expect((await mesh.request('order', 'http://payment/healthz', { headers: { 'x-user': 'root' } })).status).toBe(200);
  expect(mesh.received('payment')[0].headers['x-user']).toBeUndefined();
  for (const path of ['/healthz/', '/healthz/x', '/healthz;x', '/Healthz', '/healthz%2f']) expect((await mesh.request('order', `http://payment${path}`)).status).toBe(401);
});

test('rules by claims: 403 with the scope that is missing, for whoever has a token; what is not about tokens stays as it was', async () => {
  const mesh = await meshOf();
  const ask = async (method: string, claims: object) => mesh.request('order', 'http://payment/charges', { method, ...bearer(ec.token({ ...CLAIMS, ...claims })) });
  const lacking = await ask('POST', { scope: 'payments:read' });
  expect([lacking.status, lacking.headers['www-authenticate']])
    .toEqual([403, 'Bearer realm="payment.shop", error="insufficient_scope", scope="payments:write"']);
  expect(lacking.json()).toMatchObject({ type: 'https://meshwright.dev/problems/token-insufficient', policy: 'authorization' });
  expect((await ask('POST', { scope: 'payments:writer' })).status).toBe(403);
  expect((await ask('POST', { scope: ['payments:write'] })).status).toBe(200);
  expect((await ask('GET', { scope: undefined })).status).toBe(200);
  expect((await ask('DELETE', { groups: ['staff'] })).status).toBe(200);
  expect((await ask('DELETE', { groups: ['staff'], tier: 'tin' })).status).toBe(403);
  expect((await ask('DELETE', {})).status).toBe(403);
  const put = await ask('PUT', {});
  expect([put.status, put.headers['www-authenticate']]).toEqual([403, undefined]);
  expect(denials(mesh).filter((detail) => detail.includes('needs'))[0])
    .toBe('rbac_access_denied{no rule allows order.shop → payment.shop: POST /charges; its token needs scope payments:write}');
});

test('an optional token: without one what asks for claims is 401, the rest passes; a wrong one is 401 all the same', async () => {
  const mesh = await meshOf(program({ token: TokenRequirement.OPTIONAL }));
  expect((await mesh.request('order', 'http://payment/')).status).toBe(200);
  const without = await mesh.request('order', 'http://payment/charges', { method: 'POST' });
  expect([without.status, without.headers['www-authenticate']]).toEqual([401, 'Bearer realm="payment.shop"']);
  expect((await mesh.request('order', 'http://payment/', bearer('garbage'))).status).toBe(401);
  expect((await mesh.request('order', 'http://payment/charges', { method: 'POST', ...bearer(ec.token(CLAIMS)) })).status).toBe(200);
});

test('gRPC: UNAUTHENTICATED, PERMISSION_DENIED, OK', async () => {
  const mesh = await meshOf();
  const call = async (token?: string) => (await mesh.grpc('order', 'http://quotes/shop.v1.Quotes/Get', token === undefined ? {} : { metadata: bearer(token).headers })).code;
  expect(await call()).toBe(GrpcCode.UNAUTHENTICATED);
  expect(await call(ec.token(CLAIMS))).toBe(GrpcCode.PERMISSION_DENIED);
  expect(await call(ec.token({ ...CLAIMS, scope: 'quotes:read' }))).toBe(GrpcCode.OK);
});

test('the token goes on where that is written, and claims that are URLs or inside of others are found', async () => {
  const mesh = await meshOf(program({ forwardToken: true, claimHeaders: { 'x-tenant': 'org.tenant', 'x-roles': 'https://example.com/roles' } }));
  const token = ec.token({ ...CLAIMS, 'org': { tenant: 'eu-1' }, 'https://example.com/roles': 'admin' });
  expect((await mesh.request('order', 'http://payment/', bearer(token))).status).toBe(200);
  expect(mesh.received('payment')[0].headers).toMatchObject({ 'authorization': `Bearer ${token}`, 'x-tenant': 'eu-1', 'x-roles': 'admin' });
});

test('keys are rotated: new ones are found, old ones are refused once they are withdrawn; an outage is none of ours for as long as is said', async () => {
  let set: string | undefined = jwks(rsa);
  const authentication = JwtAuthentication.jwks(ISSUER, 'https://keys.example:8443/set', {
    audiences: ['payment'], refreshKeysAfter: Duration.minutes(10), keepKeysFor: Duration.hours(2),
  });
  const mesh = await meshOf(program({}, authentication), { outside: { 'keys.example:8443': () => (set === undefined ? 'reset' : { body: set }) } });
  const status = async (key: IssuerKey) => (await mesh.request('order', 'http://payment/', bearer(key.token({ ...CLAIMS, exp: BEGIN + 86_400 })))).status;
  expect(await status(rsa)).toBe(200);
  await mesh.advance(30_000);
  set = jwks(rsa, ec);
  expect(await status(ec)).toBe(200);
  set = jwks(ec);
  await mesh.advance(11 * 60_000);
  expect([await status(ec), await status(rsa)]).toEqual([200, 401]);
  set = undefined;
  await mesh.advance(100 * 60_000);
  expect(await status(ec)).toBe(200);
  await mesh.advance(40 * 60_000);
  expect(await status(ec)).toBe(503);
  set = jwks(ec);
  await mesh.advance(2 * 60_000);
  expect(await status(ec)).toBe(200);
});

test('an issuer that does not answer breaks nothing: its tokens are refused, everything else goes on', async () => {
  const mesh = await meshOf(program(), { outside: {} });
  expect((await mesh.request('order', 'http://payment/healthz')).status).toBe(200);
  expect((await mesh.request('order', 'http://payment/', bearer(ec.token(CLAIMS)))).status).toBe(503);
  expect((await mesh.request('order', 'http://payment/')).status).toBe(401);
});

test('several issuers: each token is judged by the one that it names, for its audiences, and makes its headers', async () => {
  const staff = new TestIssuer('https://staff.example/realms/bank');
  const customers = new TestIssuer('https://login.example');
  const authentication = JwtAuthentication.anyOf(
    JwtAuthentication.oidc(customers.issuer, { audiences: ['payment'], claimHeaders: { 'x-user': 'sub' }, pathsWithoutToken: [StringMatch.exact('/healthz')] }),
    JwtAuthentication.oidc(staff.issuer, { audiences: ['backoffice'], claimHeaders: { 'x-clerk': 'sub' } }),
  );
  const mesh = await meshOf(program({}, authentication), { outside: { ...customers.outside, ...staff.outside } });
  const get = async (issuer: TestIssuer, claims: object) => mesh.request('order', 'http://payment/', {
    headers: { 'authorization': `Bearer ${issuer.token({ ...claims }, mesh)}`, 'x-user': 'root', 'x-clerk': 'root' },
  });
  expect((await get(customers, { aud: 'payment', sub: 'ann' })).status).toBe(200);
  expect((await get(staff, { aud: 'backoffice', sub: 'eve' })).status).toBe(200);
  expect(mesh.received('payment').map(({ headers }) => [headers['x-user'], headers['x-clerk']])).toEqual([['ann', undefined], [undefined, 'eve']]);
  // The audience of the other one; the name of the other one under a key of its own.
  for (const answer of [await get(staff, { aud: 'payment' }), await get(customers, { aud: 'payment', iss: staff.issuer }), await get(staff, { aud: 'payment', iss: customers.issuer })]) {
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, expect.stringContaining('error="invalid_token"')]);
  }
  const none = await mesh.request('order', 'http://payment/');
  expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer realm="payment.shop"']);
  expect((await mesh.request('order', 'http://payment/healthz')).status).toBe(200);
});

test('a rule may ask for tokens of one of the issuers; while one is away the others\' tokens are taken', async () => {
  const staff = new TestIssuer('https://staff.example');
  const customers = new TestIssuer('https://login.example');
  const of = (issuer: TestIssuer) => JwtAuthentication.oidc(issuer.issuer, { audiences: ['payment'] });
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const props = { mesh: new Mesh(shop, 'mesh', { trustDomain: 'shop.example' }), image: 'shop/app:1.0.0', port: ServicePort.http(8080) };
  const payment = new MeshService(shop, 'payment', { ...props, authentication: JwtAuthentication.anyOf(of(customers), of(staff)) });
  new MeshService(shop, 'order', props).calls(payment, {
    allow: [CallRule.http({ methods: [HttpMethod.GET] }), CallRule.http({ methods: [HttpMethod.DELETE], claims: [Claim.exactly('iss', staff.issuer)] })],
  });
  const mesh = await meshOf(app, { outside: { ...staff.outside } });
  const ask = async (method: string, issuer: TestIssuer) => (await mesh.request('order', 'http://payment/', {
    method, headers: { authorization: `Bearer ${issuer.token({ aud: 'payment' }, mesh)}` },
  })).status;
  expect([await ask('DELETE', staff), await ask('GET', staff), await ask('GET', customers)]).toEqual([200, 200, 503]);
  const both = await meshOf(app, { outside: { ...staff.outside, ...customers.outside } });
  const token = (issuer: TestIssuer) => ({ headers: { authorization: `Bearer ${issuer.token({ aud: 'payment' }, both)}` } });
  expect((await both.request('order', 'http://payment/', token(customers))).status).toBe(200);
  expect((await both.request('order', 'http://payment/', { method: 'DELETE', ...token(customers) })).status).toBe(403);
});

test('what is about requests without a token is said once', () => {
  const first = JwtAuthentication.oidc('https://a.example', { audiences: ['a'] });
  const other = (options: Partial<JwtOptions>) => JwtAuthentication.oidc('https://b.example', { audiences: ['b'], ...options });
  expect(() => JwtAuthentication.anyOf(first, other({ token: TokenRequirement.OPTIONAL })))
    .toThrow('JwtAuthentication.anyOf: token of https://b.example: is said by the first alone, as it is about requests without a token; write it there');
  expect(() => JwtAuthentication.anyOf(first, other({ pathsWithoutToken: [] }))).toThrow('pathsWithoutToken of https://b.example');
});
