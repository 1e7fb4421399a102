import { createServer, get, type IncomingHttpHeaders, type Server } from 'node:http';
import { App, Chart } from 'cdk8s';
import { CallRule, Claim, HttpMethod, JwtAuthentication, Mesh, MeshService, ServicePort, StringMatch } from '../../../src';
import { INBOUND_PORT } from '../../../src/contract';
import { encoded, hmacToken, IssuerKey, jwks } from '../../runtime/proxy/support/tokens';
import { InboundPair, type Name } from './inbound-pair';

/**
 * What the control plane says of tokens of two issuers, to Envoy and to our proxy: the inbound listener of one service, in front of the same application. Who
 * calls is left out, as there are no certificates here: the rules ask for claims alone.
 */
jest.setTimeout(120_000);

const ISSUER = 'https://login.example';
const STAFF = 'https://staff.example';
const KEYS = { host: '127.76.8.9', port: 8088 };
const PORT = 8080;
const PROXIES = { envoy: '127.76.8.1', ours: '127.76.8.2' } as const;

const key = new IssuerKey('ES256', 'ec');
const clerk = new IssuerKey('ES256', 'ec');
const rsa = new IssuerKey('RS256', 'rsa');
const ed = new IssuerKey('EdDSA', 'ed');
const now = Math.floor(Date.now() / 1000);
const CLAIMS = { iss: ISSUER, aud: 'payment', sub: 'ann', org: { tenant: 'eu' }, scope: 'payments:read payments:write', exp: now + 600 };

let pair: InboundPair | undefined;
const servers: Server[] = [];

function program(): App {
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const props = { mesh: new Mesh(shop, 'mesh', { trustDomain: 'shop.example' }), port: ServicePort.http(PORT), image: 'shop/app:1' };
  const payment = new MeshService(shop, 'payment', {
    ...props,
    authentication: JwtAuthentication.anyOf(
      JwtAuthentication.jwks(ISSUER, `http://${KEYS.host}:${KEYS.port}/jwks`, {
        audiences: ['payment'], claimHeaders: { 'x-user': 'sub', 'x-tenant': 'org.tenant' }, pathsWithoutToken: [StringMatch.exact('/healthz')],
      }),
      JwtAuthentication.jwks(STAFF, `http://${KEYS.host}:${KEYS.port}/staff`, { audiences: ['backoffice'], claimHeaders: { 'x-clerk': 'sub' } }),
    ),
  });
  payment.acknowledge('MW158', 'the keys of this test are on this machine');
  new MeshService(shop, 'order', props).calls(payment, {
    allow: [
      CallRule.http({ methods: [HttpMethod.GET] }),
      CallRule.http({ methods: [HttpMethod.POST], claims: [Claim.scope('payments:write'), Claim.exactly('org.tenant', 'eu')] }),
    ],
  });
  return app;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(name: Name, path: string, { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  return new Promise((done, failed) => {
    const asked = get({ host: PROXIES[name], port: INBOUND_PORT, path, method, agent: false, timeout: 10_000, headers: { host: 'payment', ...headers } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => { body += part; });
      response.on('end', () => done({ status: response.statusCode!, headers: response.headers, body }));
    });
    asked.on('error', failed).on('timeout', () => asked.destroy(new Error(`${name} does not answer`)));
  });
}

async function listen(host: string, port: number, answer: (headers: IncomingHttpHeaders, path: string) => string): Promise<void> {
  const server = createServer((request, response) => response.end(answer(request.headers, request.url!)));
  servers.push(server);
  await new Promise<void>((done) => server.listen(port, host, done));
}

beforeAll(async () => {
  await listen(KEYS.host, KEYS.port, (_, path) => (path === '/staff' ? jwks(clerk) : jwks(key, rsa, ed)));
  for (const address of Object.values(PROXIES)) await listen(address, PORT, (headers) => JSON.stringify(headers));
  pair = await InboundPair.start({
    app: program(), service: 'shop/payment', addresses: PROXIES, serves: async (name) => (await ask(name, '/healthz')).status === 200,
  });
});
afterAll(async () => {
  await pair?.stop();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const [head, payload, signature] = key.token(CLAIMS).split('.') as [string, string, string];
const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });

/** Name, token, what both answer; what Envoy answers otherwise. */
const TABLE: readonly (readonly [string, string | undefined, number, number?])[] = [
  ['ES256', key.token(CLAIMS), 200],
  ['RS256', rsa.token(CLAIMS), 200],
  ['EdDSA', ed.token(CLAIMS), 200],
  ['an audience among others', key.token({ ...CLAIMS, aud: ['other', 'payment'] }), 200],
  ['of the other issuer', clerk.token({ ...CLAIMS, iss: STAFF, aud: 'backoffice' }), 200],
  ['of the other issuer, for an audience of the first', clerk.token({ ...CLAIMS, iss: STAFF }), 401, 403],
  ['of the other issuer, by a key of the first', key.token({ ...CLAIMS, iss: STAFF, aud: 'backoffice' }), 401],
  ['no token', undefined, 401],
  ['no token at all', 'garbage', 401],
  ['alg: none', `${encoded({ alg: 'none' })}.${payload}.`, 401],
  ['a public key as a secret', hmacToken(CLAIMS, pem, { kid: 'rsa' }), 401],
  ['other claims under the signature', `${head}.${encoded({ ...CLAIMS, sub: 'eve' })}.${signature}`, 401],
  ['a stranger\'s key', new IssuerKey('ES256', 'ec').token(CLAIMS), 401],
  ['a key that nobody has', key.token(CLAIMS, { kid: 'nobody' }), 401],
  ['another issuer', key.token({ ...CLAIMS, iss: 'https://evil.example' }), 401],
  ['expired', key.token({ ...CLAIMS, exp: now - 100 }), 401],
  ['within the skew of clocks', key.token({ ...CLAIMS, exp: now - 10 }), 200],
  ['not valid yet', key.token({ ...CLAIMS, nbf: now + 300 }), 401],
  ['without an end', key.token({ ...CLAIMS, exp: undefined }), 401],
  // RFC 6750 §3.1: a token that is not for us is invalid here; Envoy says that it is forbidden.
  ['another audience', key.token({ ...CLAIMS, aud: 'other' }), 401, 403],
];

test.each(TABLE)('%s', async (name, token, ours, envoy = ours) => {
  const headers: Record<string, string> = { 'x-user': 'root', 'x-clerk': 'root', ...token !== undefined && { authorization: `Bearer ${token}` } };
  const [theirs, our] = [await ask('envoy', '/', { headers }), await ask('ours', '/', { headers })];
  expect([theirs.status, our.status]).toEqual([envoy, ours]);
  const kind = ({ headers: { 'www-authenticate': challenge } }: Answer) => (
    /^(Bearer) realm="[^"]*"(?:, error="(\w+)")?/.exec(challenge ?? '')?.slice(1)
  );
  if (our.status === 401 && theirs.status === 401) expect(kind(our)).toEqual(kind(theirs));
  if (our.status !== 200) return;
  const seen = ({ body }: Answer) => {
    const { 'x-user': user, 'x-tenant': tenant, 'x-clerk': clerkName, authorization } = JSON.parse(body) as Record<string, string>;
    return { user, tenant, clerk: clerkName, authorization };
  };
  expect(seen(our)).toEqual(name === 'of the other issuer' ? { clerk: 'ann' } : { user: 'ann', tenant: 'eu' });
  expect(seen(our)).toEqual(seen(theirs));
});

test.each([
  ['what the rule asks for', {}, 200], ['a scope is missing', { scope: 'payments:read' }, 403], ['a scope that only begins so', { scope: 'payments:writer' }, 403],
  ['another tenant', { org: { tenant: 'us' } }, 403], ['no tenant', { org: undefined }, 403],
] as const)('POST, %s', async (_, changes, status) => {
  const headers = { authorization: `Bearer ${key.token({ ...CLAIMS, ...changes })}` };
  expect((await ask('envoy', '/', { method: 'POST', headers })).status).toBe(status);
  expect((await ask('ours', '/', { method: 'POST', headers })).status).toBe(status);
});

test('a path without a token makes no claims of its own', async () => {
  for (const name of ['envoy', 'ours'] as const) {
    const { status } = await ask(name, '/healthz');
    expect([name, status]).toEqual([name, 200]);
    expect((await ask(name, '/healthz/x')).status).toBe(401);
  }
});
