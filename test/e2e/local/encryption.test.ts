import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { CertificateAuthority } from '../../../runtime/control-plane/identity/certificate-authority';
import { SIGNING, x509 } from '../../../runtime/control-plane/identity/x509';
import { ask, RunningShop } from './shop';

jest.setTimeout(120_000);

let shop: RunningShop;
let authority: CertificateAuthority;
beforeAll(async () => {
  shop = await RunningShop.start('127.92.0.0/16');
  await shop.ready();
  const data = JSON.parse(readFileSync(join(shop.manifests.root, 'state/identity/authority.json'), 'utf8')) as Record<string, string>;
  authority = await CertificateAuthority.load({ certificateChain: data['tls.crt']!, privateKey: data['tls.key']!, trustBundle: data['ca.crt']! }, 'the run', Date.now());
});
afterAll(async () => shop.stop());

const REQUEST = 'GET /payments/health HTTP/1.1\r\nhost: payment\r\nconnection: close\r\n\r\n';

/** What a pod's proxy answers to whoever comes, until the connection ends. */
async function answerOf(options?: ConnectionOptions): Promise<string> {
  const [{ address: host }] = shop.pods('payment');
  return new Promise((done) => {
    let text = '';
    const socket = options ? connectTls({ host, port: 15006, servername: 'payment.shop.svc.cluster.local', checkServerIdentity: () => undefined, ...options })
      : connectPlain({ host, port: 15006 });
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => { text += chunk; });
    socket.on('error', (error: NodeJS.ErrnoException) => { text ||= error.code ?? error.message; });
    socket.on('close', () => done(text));
    socket.write(REQUEST);
  });
}

/** A certificate of the mesh's own authority. */
async function certificateOf(identity: string): Promise<ConnectionOptions> {
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
  const { chain } = await authority.issue(request.toString('pem'), { identity, lifetime: 600_000 }, Date.now());
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { ca: authority.trustBundle, cert: chain, key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
}

const sa = (name: string) => `spiffe://shop.example/ns/shop/sa/${name}`;

test('plain text gets no answer', async () => {
  expect(await answerOf()).not.toContain('HTTP/1.1');
});

test('TLS without a certificate of the mesh gets no answer', async () => {
  expect(await answerOf({ ca: authority.trustBundle })).not.toContain('HTTP/1.1');
  const stranger = await CertificateAuthority.load(await import('../../../runtime/control-plane/identity/authority-material')
    .then(async ({ createRoot }) => createRoot('shop.example', Date.now())), 'a stranger', Date.now());
  const before = authority;
  const trusted = authority.trustBundle;
  authority = stranger;
  const forged = await certificateOf(sa('order'));
  authority = before;
  expect(await answerOf({ ...forged, ca: trusted })).not.toContain('HTTP/1.1');
});

test('whoever declared the call is served, and whoever did not is denied, however good his certificate', async () => {
  expect(await answerOf(await certificateOf(sa('order')))).toMatch(/^HTTP\/1\.1 200 /);
  const denied = await answerOf(await certificateOf(sa('storefront')));
  expect(denied).toMatch(/^HTTP\/1\.1 403 /);
  expect(denied).toContain('problems/access-denied');
  // The client is told nothing of the rules.
  expect(denied).not.toContain('spiffe');
});

test('the callee shows who it is', async () => {
  const options = await certificateOf(sa('order'));
  const [{ address: host }] = shop.pods('payment');
  const names = await new Promise<string | undefined>((done, failed) => {
    const socket = connectTls({ host, port: 15006, checkServerIdentity: () => undefined, ...options }, () => {
      done(socket.getPeerCertificate().subjectaltname);
      socket.destroy();
    });
    socket.on('error', failed);
  });
  expect(names).toBe(`URI:${sa('payment')}`);
});

test('a caller knows nothing of a service that it does not call', async () => {
  expect(await ask(shop.pods('storefront')[0]!, 'http://payment/payments/health')).toMatchObject({ status: 404 });
});
