import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { CertificateAuthority } from '../../../runtime/control-plane/identity/certificate-authority';
import { certificateOf, inboundAnswer } from '../support/workload-identity';
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

/** What a pod's proxy answers to whoever comes, until the connection ends. */
const answerOf = async (options?: ConnectionOptions) => inboundAnswer(shop.pods('payment')[0]!.address, options);

const sa = (name: string) => `spiffe://shop.example/ns/shop/sa/${name}`;

test('plain text gets no answer', async () => {
  expect(await answerOf()).not.toContain('HTTP/1.1');
});

test('TLS without a certificate of the mesh gets no answer', async () => {
  expect(await answerOf({ ca: authority.trustBundle })).not.toContain('HTTP/1.1');
  const stranger = await CertificateAuthority.load(await import('../../../runtime/control-plane/identity/authority-material')
    .then(async ({ createRoot }) => createRoot('shop.example', Date.now())), 'a stranger', Date.now());
  const forged = await certificateOf(stranger, sa('order'));
  expect(await answerOf({ ...forged, ca: authority.trustBundle })).not.toContain('HTTP/1.1');
});

test('whoever declared the call is served, and whoever did not is denied, however good his certificate', async () => {
  expect(await answerOf(await certificateOf(authority, sa('order')))).toMatch(/^HTTP\/1\.1 200 /);
  const denied = await answerOf(await certificateOf(authority, sa('storefront')));
  expect(denied).toMatch(/^HTTP\/1\.1 403 /);
  expect(denied).toContain('problems/access-denied');
  // The client is told nothing of the rules.
  expect(denied).not.toContain('spiffe');
});

test('the callee shows who it is', async () => {
  const options = await certificateOf(authority, sa('order'));
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
