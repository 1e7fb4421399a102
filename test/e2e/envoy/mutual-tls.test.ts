import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { PodSpec } from '../../../runtime/local/types';
import { INBOUND_PORT } from '../../../src/contract';
import { ask, RunningShop } from '../local/shop';
import { EnvoyPods } from './pods';

/**
 * Envoys as pods of a mesh whose other pods run our sidecar, all with mutual TLS: configured by our control plane over delta ADS, roots by SDS, their own
 * certificates in their bootstraps, as docs/foreign-clients.md has it.
 */
jest.setTimeout(180_000);

const ADDRESSES = '127.93.0.0/16';
/** Outside of what the run gives to its own pods. */
const CALLER = '127.93.250.1';
const CALLEE = '127.93.250.2';

let shop: RunningShop;
let application: Server;
let envoys: EnvoyPods;

beforeAll(async () => {
  shop = await RunningShop.start(ADDRESSES);
  await shop.ready();
  envoys = new EnvoyPods(shop, ADDRESSES, { namespace: 'shop', trustDomain: 'shop.example' });
  application = createServer((_, response) => response.end('behind Envoy'));
  const { port } = envoys.documents().find(({ kind, metadata }) => kind === 'MeshService' && metadata.name === 'payment').spec;
  await new Promise<void>((done) => { application.listen(port.number, CALLEE, done); });
  await envoys.start('order', CALLER);
  await envoys.start('payment', CALLEE);
  envoys.serve('payment', CALLEE);
});
afterAll(async () => {
  await envoys?.stop();
  application?.close();
  await shop?.stop();
});

const URL = 'http://payment/payments/health';

test('a pod with Envoy calls one with our sidecar', async () => {
  const pod = { address: CALLER } as PodSpec;
  await shop.until('a request is served by our sidecar', async () => {
    const { status, body } = await ask(pod, URL);
    return status === 200 && body !== 'behind Envoy';
  });
  // The callee has seen who called: without a certificate of order it would have refused.
  expect((await envoys.stats(CALLER, 'cluster.payment.*ssl.handshake')).some(([, count]) => count > 0)).toBe(true);
});

test('a pod with our sidecar calls one with Envoy', async () => {
  const [pod] = shop.pods('order');
  await shop.until('a request is served behind Envoy', async () => {
    const { status, body } = await ask(pod!, URL);
    return status === 200 && body === 'behind Envoy';
  });
});

const REQUEST = 'GET /payments/health HTTP/1.1\r\nhost: payment\r\nconnection: close\r\n\r\n';

/** What Envoy's inbound listener answers on a connection, until that ends. */
async function answerOn(socket: Socket): Promise<string> {
  return new Promise((done) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
    socket.on('error', () => {});
    socket.on('close', () => done(text));
    socket.write(REQUEST);
  });
}

test('Envoy enforces what the control plane says: no plain text, and nobody who does not declare the call', async () => {
  expect(await answerOn(connect(INBOUND_PORT, CALLEE))).not.toContain('HTTP/1.1 200');
  const as = async (service: string) => {
    const { certificate, key } = await envoys.identityFiles(service, `client-${service}`);
    const ca = readFileSync(join(shop.manifests.root, 'state/identity/ca.crt'));
    const pair = { cert: readFileSync(certificate), key: readFileSync(key), ca };
    return answerOn(connectTls({ host: CALLEE, port: INBOUND_PORT, servername: 'payment.shop.svc.cluster.local', checkServerIdentity: () => undefined, ...pair }));
  };
  expect(await as('order')).toMatch(/^HTTP\/1\.1 200 /);
  expect(await as('storefront')).toMatch(/^HTTP\/1\.1 403 /);
});

test('Envoy has refused nothing of what it was sent', async () => {
  for (const address of [CALLER, CALLEE]) {
    expect((await envoys.stats(address, 'update_rejected')).filter(([, count]) => count > 0)).toEqual([]);
    const taken = await envoys.stats(address, '(lds|cds|sds.*).update_success');
    expect(taken.length).toBeGreaterThan(1);
    expect(taken.every(([, count]) => count > 0)).toBe(true);
  }
});
