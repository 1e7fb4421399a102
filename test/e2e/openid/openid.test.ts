import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chart, Duration, type App } from 'cdk8s';
import { CallRule, Claim, HttpMethod, JwtAuthentication, Mesh, MeshService, ServicePort } from '../../../src';
import { encoded, hmacToken, IssuerKey } from '../../runtime/proxy/support/tokens';
import { Manifests, RunningShop } from '../local/shop';
import { OpenIdProvider, providerKey, type Algorithm } from './provider';

/**
 * A mesh as it runs, control plane, sidecars and mutual TLS, whose service takes the tokens of a real OpenID provider: discovered by the control plane, keys
 * fetched by the proxies, rotated by the provider, and kept while that is away.
 */
jest.setTimeout(180_000);

/** The application tells what it got. */
const APPLICATION = `
  require('node:http').createServer((request, response) => {
    request.resume().on('end', () => response.end(JSON.stringify(request.headers)));
  }).listen(8080, process.env.HOST);
`;

class Tokens extends Chart {
  constructor(app: App, issuer: string) {
    super(app, 'tokens', { namespace: 'tokens' });
    const mesh = new Mesh(this, 'mesh', { trustDomain: 'tokens.example' });
    const port = ServicePort.http(8080);
    const payment = new MeshService(this, 'payment', {
      mesh, port, image: 'tokens/app:1',
      authentication: JwtAuthentication.oidc(issuer, {
        audiences: ['payment'], claimHeaders: { 'x-client': 'client_id', 'x-scope': 'scope' }, refreshKeysAfter: Duration.seconds(20), keepKeysFor: Duration.hours(1),
      }),
    });
    payment.acknowledge('MW158', 'the issuer of this test runs on this machine');
    new MeshService(this, 'order', { mesh, port, image: 'tokens/app:1' }).calls(payment, {
      allow: [CallRule.http({ methods: [HttpMethod.GET] }), CallRule.http({ methods: [HttpMethod.POST], claims: [Claim.scope('payments:write')] })],
    });
  }
}

const provider = new OpenIdProvider('127.98.250.1');
const first = { RS256: providerKey('RS256', 'rsa-1'), ES256: providerKey('ES256', 'ec-1'), EdDSA: providerKey('EdDSA', 'ed-1') };
let folder: string;
let mesh: RunningShop;

beforeAll(async () => {
  await provider.start(...Object.values(first));
  folder = mkdtempSync(join(tmpdir(), 'meshwright-openid-'));
  const application = join(folder, 'application.cjs');
  writeFileSync(application, APPLICATION);
  const manifests = new Manifests((app) => new Tokens(app, provider.issuer), `images:\n  tokens/app: { command: [node, ${application}] }\n`);
  mesh = await RunningShop.start('127.98.0.0/16', manifests);
  await mesh.ready();
  // The control plane has asked, and the proxy has the keys.
  await mesh.until('a token is taken', async () => (await ask(await provider.token('ES256'))).status === 200);
});
afterAll(async () => {
  await mesh?.stop();
  await provider.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks payment as order's application does. */
async function ask(token: string | undefined, { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  const [{ address: host }] = mesh.pods('order');
  return new Promise((done, failed) => {
    const sent = request({
      host, port: 15001, path: 'http://payment/', method, agent: false, timeout: 10_000,
      headers: { host: 'payment', ...token !== undefined && { authorization: `Bearer ${token}` }, ...headers },
    }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => { body += part; });
      response.on('end', () => done({ status: response.statusCode!, headers: response.headers, body }));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', failed);
    sent.end();
  });
}

test.each<Algorithm>(['RS256', 'ES256', 'EdDSA'])('%s: a token of the provider is taken, and what it says reaches the application', async (algorithm) => {
  const token = await provider.token(algorithm, 'payments:read payments:write');
  expect(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())).toMatchObject({ alg: algorithm, typ: 'at+jwt' });
  const { status, body } = await ask(token, { headers: { 'x-client': 'somebody-else' } });
  expect(status).toBe(200);
  expect(JSON.parse(body)).toMatchObject({ 'x-client': 'mesh', 'x-scope': 'payments:read payments:write' });
  expect(JSON.parse(body)).not.toHaveProperty('authorization');
});

test('scopes of the provider decide what may be done', async () => {
  expect((await ask(await provider.token('ES256', 'payments:write'), { method: 'POST' })).status).toBe(200);
  const { status, headers } = await ask(await provider.token('ES256', 'payments:read'), { method: 'POST' });
  expect([status, headers['www-authenticate']]).toEqual([403, 'Bearer realm="payment.tokens", error="insufficient_scope", scope="payments:write"']);
});

test('no token, and such as look like the provider\'s, are refused', async () => {
  const none = await ask(undefined);
  expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer realm="payment.tokens"']);
  const good = await provider.token('RS256');
  const [head, payload, signature] = good.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  // Keys as anybody can read them.
  const { keys } = JSON.parse(await text(`${provider.issuer}/jwks`)) as { keys: Record<string, unknown>[] };
  const published = keys.find(({ kid }) => kid === 'rsa-1')!;
  const stranger = new IssuerKey('RS256', 'rsa-1');
  const attempts: Record<string, string> = {
    'alg: none': `${encoded({ alg: 'none' })}.${payload}.`,
    'alg: none with the signature': `${encoded({ alg: 'none', kid: 'rsa-1' })}.${payload}.${signature}`,
    'the public key as a secret': hmacToken(claims, JSON.stringify(published), { kid: 'rsa-1' }),
    'its modulus as a secret': hmacToken(claims, Buffer.from(String(published.n), 'base64url'), { kid: 'rsa-1' }),
    'another algorithm over the same signature': `${encoded({ alg: 'PS256', kid: 'rsa-1', typ: 'at+jwt' })}.${payload}.${signature}`,
    'another key under the name': stranger.token(claims),
    'another key in the header': stranger.token(claims, { jwk: stranger.jwk() }),
    'the key of another algorithm': `${encoded({ alg: 'RS256', kid: 'ec-1', typ: 'at+jwt' })}.${payload}.${signature}`,
    'more rights': `${head}.${encoded({ ...claims, scope: 'payments:write' })}.${signature}`,
    'another audience': await provider.token('RS256', 'payments:read', 'ledger'),
  };
  for (const [what, token] of Object.entries(attempts)) {
    const answer = await ask(token);
    expect([what, answer.status]).toEqual([what, 401]);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
  }
  expect((await ask(good)).status).toBe(200);
});

async function text(url: string): Promise<string> {
  return new Promise((done, failed) => {
    request(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => { body += part; }).on('end', () => done(body));
    }).on('error', failed).end();
  });
}

test('keys are rotated: a new one is found when the first token has it, an old one is refused once it is withdrawn', async () => {
  const old = await provider.token('ES256');
  const next = providerKey('ES256', 'ec-2');
  // The new one signs, the old one is still published.
  await provider.setKeys(next, ...Object.values(first));
  const fresh = await provider.token('ES256');
  // At most one fetch in ten seconds for keys of unknown names, so that nobody makes more by making names up.
  await mesh.until('the new key is found', async () => (await ask(fresh)).status === 200);
  expect((await ask(old)).status).toBe(200);
  await provider.setKeys(next, first.RS256, first.EdDSA);
  await mesh.until('the old key is forgotten', async () => (await ask(old)).status === 401, 60_000);
  expect((await ask(fresh)).status).toBe(200);
});

test('while the provider is away its tokens are taken, beyond the time for which keys are good', async () => {
  const token = await provider.token('EdDSA');
  expect((await ask(token)).status).toBe(200);
  await provider.stop();
  const failed = async () => Number(/^envoy_http_jwt_authn_jwks_fetch_failed\{[^}]*\} (\d+)$/m.exec(await metrics())?.[1]);
  const before = await failed();
  await mesh.until('keys could not be fetched several times, and are too old', async () => {
    expect((await ask(token)).status).toBe(200);
    return await failed() >= before + 4;
  }, 90_000);
  expect((await ask(token)).status).toBe(200);
  await provider.start(providerKey('RS256', 'rsa-3'), first.EdDSA);
  const fresh = await provider.token('RS256');
  await mesh.until('it is back', async () => (await ask(fresh)).status === 200, 90_000);
  expect((await ask(token)).status).toBe(200);
});

async function metrics(): Promise<string> {
  const [{ address }] = mesh.pods('payment');
  return text(`http://${address}:15020/stats/prometheus`);
}
