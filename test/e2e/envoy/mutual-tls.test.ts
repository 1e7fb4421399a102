import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { parseAllDocuments, stringify } from 'yaml';
import { CertificateAuthority } from '../../../runtime/control-plane/identity/certificate-authority';
import { SIGNING, x509 } from '../../../runtime/control-plane/identity/x509';
import { AddressBlock } from '../../../runtime/local/addresses';
import { localSidecarArgs } from '../../../runtime/local/sidecar';
import type { PodSpec } from '../../../runtime/local/types';
import { ADMIN_PORT, INBOUND_PORT } from '../../../src/contract';
import { ask, RunningShop } from '../local/shop';

/**
 * Envoys as pods of a mesh whose other pods run our sidecar, all with mutual TLS: configured by our control plane over delta ADS, roots by SDS, their own
 * certificates in their bootstraps, as docs/foreign-clients.md has it.
 */
jest.setTimeout(180_000);

const ROOT = resolve(__dirname, '../../..');
const ADDRESSES = '127.93.0.0/16';
/** Outside of what the run gives to its own pods. */
const CALLER = '127.93.250.1';
const CALLEE = '127.93.250.2';

let shop: RunningShop;
let application: Server;
const envoys: ChildProcess[] = [];

beforeAll(async () => {
  shop = await RunningShop.start(ADDRESSES);
  await shop.ready();
  application = createServer((_, response) => response.end('behind Envoy'));
  const port = applicationPort();
  await new Promise<void>((done) => { application.listen(port, CALLEE, done); });
  await envoy('order', CALLER);
  await envoy('payment', CALLEE);
  writeFileSync(join(shop.manifests.folder, 'payment-envoy.yaml'), stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'payment-envoy', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'payment' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: INBOUND_PORT }],
    endpoints: [{ addresses: [CALLEE], conditions: { ready: true } }],
  }));
});
afterAll(async () => {
  for (const child of envoys) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  application?.close();
  await shop?.stop();
});

/** Documents of the synthesized shop. */
function documents(): any[] {
  return readdirSync(shop.manifests.folder).flatMap((name) => (
    parseAllDocuments(readFileSync(join(shop.manifests.folder, name), 'utf8')).map((document) => document.toJS())));
}

function applicationPort(): number {
  return documents().find(({ kind, metadata }) => kind === 'MeshService' && metadata.name === 'payment').spec.port.number;
}

/** A certificate of the mesh's own authority, in files, as an agent of the platform would keep them. */
async function identityFiles(service: string, name = `envoy-${service}`): Promise<{ readonly certificate: string; readonly key: string }> {
  const state = join(shop.manifests.root, 'state/identity');
  const data = JSON.parse(readFileSync(join(state, 'authority.json'), 'utf8')) as Record<string, string>;
  const material = { certificateChain: data['tls.crt']!, privateKey: data['tls.key']!, trustBundle: data['ca.crt']! };
  const authority = await CertificateAuthority.load(material, 'the run', Date.now());
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
  const identity = `spiffe://shop.example/ns/shop/sa/${service}`;
  const { chain } = await authority.issue(request.toString('pem'), { identity, lifetime: 600_000 }, Date.now());
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const folder = join(shop.manifests.root, name);
  mkdirSync(folder);
  const files = { certificate: join(folder, 'svid.pem'), key: join(folder, 'svid.key') };
  writeFileSync(files.certificate, chain);
  writeFileSync(files.key, `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`);
  return files;
}

/** Starts an Envoy as another pod of a service: its sidecar's own bootstrap, with the certificate in it. */
async function envoy(service: string, address: string): Promise<void> {
  const binary = execFileSync(process.execPath, [join(ROOT, 'scripts/peer.mjs'), 'envoy'], { encoding: 'utf8' }).trim();
  const deployment = documents().find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === service);
  const { args } = deployment.spec.template.spec.initContainers[0];
  const trustBundleFile = join(shop.manifests.root, 'state/identity/ca.crt');
  const local = localSidecarArgs(args, { POD_NAME: `${service}-envoy`, POD_NAMESPACE: 'shop', POD_IP: address }, {
    address, controlPlanes: [AddressBlock.parse(ADDRESSES).controlPlane(0)], region: undefined, zone: undefined,
    snapshots: join(shop.manifests.root, `snapshot-${service}`), identity: { tokenFile: '', trustBundleFile },
  });
  const bootstrap = JSON.parse(local[local.indexOf('--config-yaml') + 1]!);
  const { certificate, key } = await identityFiles(service);
  bootstrap.overload_manager = undefined;
  bootstrap.node.metadata.svid = 'static';
  const pair = { certificate_chain: { filename: certificate }, private_key: { filename: key } };
  bootstrap.static_resources.secrets = [{ name: 'svid', tls_certificate: pair }];
  for (const cluster of bootstrap.static_resources.clusters) {
    const context = cluster.transport_socket.typed_config.common_tls_context;
    const { match_typed_subject_alt_names: names } = context.combined_validation_context.default_validation_context;
    cluster.transport_socket.typed_config.common_tls_context = {
      tls_certificate_sds_secret_configs: [{ name: 'svid' }],
      validation_context: { trusted_ca: { filename: trustBundleFile }, match_typed_subject_alt_names: names },
    };
  }
  const child = spawn(binary, [
    '--config-yaml', JSON.stringify(bootstrap), '--service-node', `${service}-envoy.shop`, '--service-cluster', `${service}.shop`,
    '--concurrency', '1', '--disable-hot-restart', '-l', 'error',
  ], { stdio: ['ignore', 'ignore', 'inherit'] });
  envoys.push(child);
  await shop.until(`Envoy of ${service} is ready`, async () => (await read(`http://${address}:${ADMIN_PORT}/ready`)).status === 200, 60_000);
}

async function read(url: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((done) => {
    get(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => done({ status: response.statusCode!, body }));
    }).on('error', () => done({ status: 0, body: '' }));
  });
}

const stats = async (address: string, filter: string) => (await read(`http://${address}:${ADMIN_PORT}/stats?filter=${filter}`)).body.trim().split('\n')
  .filter((line) => line !== '').map((line): [string, number] => [line.split(': ')[0]!, Number(line.split(': ')[1])]);
const URL = 'http://payment/payments/health';

test('a pod with Envoy calls one with our sidecar', async () => {
  const pod = { address: CALLER } as PodSpec;
  await shop.until('a request is served by our sidecar', async () => {
    const { status, body } = await ask(pod, URL);
    return status === 200 && body !== 'behind Envoy';
  });
  // The callee has seen who called: without a certificate of order it would have refused.
  expect((await stats(CALLER, 'cluster.payment.*ssl.handshake')).some(([, count]) => count > 0)).toBe(true);
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
    const { certificate, key } = await identityFiles(service, `client-${service}`);
    const ca = readFileSync(join(shop.manifests.root, 'state/identity/ca.crt'));
    const pair = { cert: readFileSync(certificate), key: readFileSync(key), ca };
    return answerOn(connectTls({ host: CALLEE, port: INBOUND_PORT, servername: 'payment.shop.svc.cluster.local', checkServerIdentity: () => undefined, ...pair }));
  };
  expect(await as('order')).toMatch(/^HTTP\/1\.1 200 /);
  expect(await as('storefront')).toMatch(/^HTTP\/1\.1 403 /);
});

test('Envoy has refused nothing of what it was sent', async () => {
  for (const address of [CALLER, CALLEE]) {
    expect((await stats(address, 'update_rejected')).filter(([, count]) => count > 0)).toEqual([]);
    const taken = await stats(address, '(lds|cds|sds.*).update_success');
    expect(taken.length).toBeGreaterThan(1);
    expect(taken.every(([, count]) => count > 0)).toBe(true);
  }
});
