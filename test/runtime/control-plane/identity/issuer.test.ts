import { webcrypto, X509Certificate } from 'node:crypto';
import { credentials, Metadata, Server, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { CertificateIssuer } from '../../../../runtime/control-plane/identity/certificate-issuer';
import { KubernetesTokenVerifier, ListedTokenVerifier, type TokenReviewStatus, type TokenVerifier } from '../../../../runtime/control-plane/identity/token';
import { SIGNING, x509 } from '../../../../runtime/control-plane/identity/x509';
import { createLog } from '../../../../runtime/control-plane/log';
import { create, IssueCertificateRequestSchema, type IssueCertificateResponse } from '../../../../runtime/xds';
import { CertificateService } from '../../../../runtime/xds/certificate-service';
import { createCertificateClient, type CertificateClient } from '../support/grpc-clients';

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.secret-part.sig';
const spiffe = { identityOf: ({ namespace, serviceAccount }: { namespace: string; serviceAccount: string }) => `spiffe://shop.example/ns/${namespace}/sa/${serviceAccount}`, lifetime: 3_600_000 };
const payment = new ListedTokenVerifier(() => new Map([[TOKEN, { namespace: 'shop', serviceAccount: 'payment', pod: 'payment-1' }]]));

async function csr(): Promise<Uint8Array> {
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  return new Uint8Array((await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=a', keys, signingAlgorithm: SIGNING })).rawData);
}

describe('over gRPC', () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  let server: Server;
  let client: CertificateClient;
  let authority: CertificateAuthority | undefined;
  let tokens: TokenVerifier = payment;
  let issuer: CertificateIssuer;

  beforeEach(async () => {
    lines.length = 0;
    tokens = payment;
    authority = await CertificateAuthority.load(await createRoot('shop.example', clock.wallTime()), 'test', clock.wallTime());
    issuer = new CertificateIssuer({
      clock, log: createLog(clock, 'debug', (line) => lines.push(line)), tokens: { verify: async (token) => tokens.verify(token) }, authority: () => authority, policy: spiffe,
    });
    server = new Server();
    server.addService(CertificateService, issuer.handlers);
    const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
    client = createCertificateClient(`127.0.0.1:${port}`, credentials.createInsecure());
  });
  afterEach(() => {
    client.close();
    server.forceShutdown();
  });

  const ask = async (request: Uint8Array, token?: string) => new Promise<IssueCertificateResponse>((resolve, reject) => {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    client.issueCertificate(create(IssueCertificateRequestSchema, { certificateRequest: request }), metadata, { deadline: Infinity },
      (error, response) => (error ? reject(error) : resolve(response!)));
  });
  const refusal = async (request: Uint8Array, token?: string) =>
    ask(request, token).then(() => undefined, ({ code, details }: ServiceError) => ({ code, details }));

  test('the holder of a token gets a certificate of its identity, and the roots to trust', async () => {
    const { certificateChain, trustBundle } = await ask(await csr(), TOKEN);
    const leaf = new X509Certificate(certificateChain);
    expect(leaf.subjectAltName).toBe('URI:spiffe://shop.example/ns/shop/sa/payment');
    expect(leaf.verify(new X509Certificate(trustBundle).publicKey)).toBe(true);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      level: 'info', message: 'certificate issued', fields: { identity: 'spiffe://shop.example/ns/shop/sa/payment', pod: 'payment-1' },
    });
    expect({ ...issuer.stats }).toEqual({ issued: 1, refused: 0, unavailable: 0 });
  });

  test.each<[string, () => Promise<{ request: Uint8Array; token?: string }>, { code: status; details: string }]>([
    ['no token', async () => ({ request: await csr() }), { code: status.UNAUTHENTICATED, details: 'the metadata authorization holds no bearer token' }],
    ['a token of nobody', async () => ({ request: await csr(), token: 'a.b.c' }), { code: status.UNAUTHENTICATED, details: 'the token is not one of those that this mesh was started with' }],
    ['something that is no request', async () => ({ request: Buffer.from('x'), token: TOKEN }), { code: status.INVALID_ARGUMENT, details: 'the certificate request is no PKCS #10 (RFC 2986)' }],
    ['a request too long to read', async () => ({ request: Buffer.alloc(16_385), token: TOKEN }), { code: status.INVALID_ARGUMENT, details: 'the certificate request is longer than 16384 bytes' }],
  ])('%s gets none', async (_, make, expected) => {
    const { request, token } = await make();
    expect(await refusal(request, token)).toEqual(expected);
    expect({ ...issuer.stats }).toEqual({ issued: 0, refused: 1, unavailable: 0 });
  });

  test('what passes is told from what does not: without an authority, or without the API, it is worth asking again', async () => {
    authority = undefined;
    expect(await refusal(await csr(), TOKEN)).toEqual({ code: status.UNAVAILABLE, details: 'there is no authority yet' });
    authority = await CertificateAuthority.load(await createRoot('shop.example', clock.wallTime()), 'test', clock.wallTime());
    tokens = new KubernetesTokenVerifier(async () => { throw new Error('connect ECONNREFUSED'); });
    expect(await refusal(await csr(), TOKEN)).toEqual({ code: status.UNAVAILABLE, details: 'the Kubernetes API cannot review tokens: connect ECONNREFUSED' });
    expect(issuer.stats.unavailable).toBe(2);
  });

  test('no token stands in the log, whatever became of it', async () => {
    await ask(await csr(), TOKEN);
    await refusal(Buffer.from('x'), TOKEN);
    tokens = new KubernetesTokenVerifier(async () => ({ authenticated: false, error: `[invalid bearer token: ${TOKEN}]` }));
    expect((await refusal(await csr(), TOKEN))!.details).not.toContain('secret-part');
    expect(lines).toHaveLength(3);
    expect(lines.join()).not.toContain('secret-part');
  });
});

describe('TokenReview', () => {
  const good: TokenReviewStatus = {
    authenticated: true,
    audiences: ['meshwright'],
    user: { username: 'system:serviceaccount:shop:payment', extra: { 'authentication.kubernetes.io/pod-name': ['payment-7d-x'] } },
  };
  const verify = async (answer: TokenReviewStatus) => new KubernetesTokenVerifier(async () => answer).verify(TOKEN);

  test('asks for this mesh\'s audience, and reads namespace, account and pod', async () => {
    const asked: unknown[] = [];
    const verifier = new KubernetesTokenVerifier(async (spec) => {
      asked.push(spec);
      return good;
    });
    expect(await verifier.verify(TOKEN)).toEqual({ namespace: 'shop', serviceAccount: 'payment', pod: 'payment-7d-x' });
    expect(asked).toEqual([{ token: TOKEN, audiences: ['meshwright'] }]);
  });

  test.each<[string, TokenReviewStatus, string]>([
    ['a token that is not valid', { authenticated: false }, 'the token is not valid'],
    ['a token for the API server itself', { ...good, audiences: ['https://kubernetes.default.svc.cluster.local'] }, 'not for the audience meshwright'],
    ['an API server that does not look at audiences', { authenticated: true, user: good.user }, 'not for the audience meshwright'],
    ['a person', { ...good, user: { username: 'admin' } }, 'the token is of admin, which is no service account'],
    ['a node', { ...good, user: { username: 'system:node:a' } }, 'no service account'],
    ['nobody', { authenticated: true, audiences: ['meshwright'] }, 'the token is of nobody'],
  ])('%s is nobody here', async (_, answer, reason) => {
    expect(await verify(answer)).toEqual({ refused: expect.stringContaining(reason) });
  });
});
