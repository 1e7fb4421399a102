import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '../../../../runtime/clock';
import { GrpcServer, type ServingSource } from '../../../../runtime/control-plane/grpc';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { FileAuthorityStore } from '../../../../runtime/control-plane/identity/file-store';
import { ServingIdentity } from '../../../../runtime/control-plane/identity/serving-identity';
import { SIGNING, x509 } from '../../../../runtime/control-plane/identity/x509';
import { silentLog } from '../../../../runtime/control-plane/log';
import { WatchedClock } from '../support/watched-clock';

const IDENTITY = 'spiffe://shop.example/ns/mesh/sa/meshwright-control-plane';
const LIFETIME = 3_600_000;

let folder: string;
let clock: WatchedClock;
let store: FileAuthorityStore;
let serving: ServingIdentity;
let server: { forceShutdown(): unknown };
let port: number;

async function serve(credentials: (identity: ServingIdentity) => ServerCredentials | ServingSource): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-serving-'));
  // Certificates are judged by the machine's own time.
  clock = new WatchedClock();
  Object.assign(clock, { wallTime: () => Math.floor(systemClock.wallTime()) });
  store = new FileAuthorityStore({ clock, log: silentLog, file: join(folder, 'authority.json'), create: 'shop.example' });
  serving = new ServingIdentity({ clock, random: () => 0.5, log: silentLog, authority: store, identity: IDENTITY, dnsNames: ['control-plane.mesh.svc'], lifetime: LIFETIME });
  store.start();
  await serving.ready();
  const given = credentials(serving);
  if ('subscribe' in given) {
    const mutual = new GrpcServer({ clock, methods: {} });
    server = { forceShutdown: () => mutual.close(0) };
    port = await mutual.listen({ host: '127.0.0.1', port: 0 }, given);
    return;
  }
  const open = new Server();
  server = open;
  port = await new Promise((resolve, reject) => open.bindAsync('127.0.0.1:0', given, (error, bound) => (error ? reject(error) : resolve(bound))));
}
afterEach(async () => {
  await server.forceShutdown();
  await serving.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

async function client(authority: CertificateAuthority, identity = 'spiffe://shop.example/ns/shop/sa/payment') {
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
  const { chain } = await authority.issue(request.toString('pem'), { identity, lifetime: LIFETIME }, systemClock.wallTime());
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { cert: chain, key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
}

/** The server's certificate, or why there is no connection. With TLS 1.3 a server refuses a client only after the client is done: by its first bytes. */
async function handshake(options: { ca: string; cert?: string; key?: string }): Promise<PeerCertificate | string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername: 'control-plane.mesh.svc', ALPNProtocols: ['h2'], ...options });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('data', () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.on('close', () => resolve('closed'));
  });
}

test('everybody may ask for a certificate, of a server that has one itself', async () => {
  await serve((identity) => identity.openCredentials);
  const certificate = await handshake({ ca: store.current!.trustBundle }) as PeerCertificate;
  expect(certificate.subjectaltname).toBe(`URI:${IDENTITY}, DNS:control-plane.mesh.svc`);
});

test('a client that trusts another root does not connect', async () => {
  await serve((identity) => identity.openCredentials);
  const { trustBundle } = await createRoot('shop.example', systemClock.wallTime());
  expect(await handshake({ ca: trustBundle })).toMatch(/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)|CERT_SIGNATURE_FAILURE/);
});

test('configuration is only for whoever has a certificate of the mesh', async () => {
  await serve((identity) => identity.mutual);
  const ca = store.current!.trustBundle;
  const stranger = await CertificateAuthority.load(await createRoot('shop.example', systemClock.wallTime()), 'test', systemClock.wallTime());
  expect(await handshake({ ca })).toMatch(/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|ECONNRESET|closed/i);
  expect(await handshake({ ca, ...await client(stranger) })).toMatch(/UNKNOWN_CA|ECONNRESET|closed/i);
  expect(await handshake({ ca, ...await client(store.current!) })).toMatchObject({ subjectaltname: expect.stringContaining(IDENTITY) });
});

test('its certificate is renewed at half of its life; who comes then sees the new one', async () => {
  await serve((identity) => identity.openCredentials);
  const ca = store.current!.trustBundle;
  const before = await handshake({ ca }) as PeerCertificate;
  const first = `-----BEGIN CERTIFICATE-----\n${before.raw.toString('base64').slice(0, 64)}`;
  await clock.pass((delay) => delay > 1_700_000 && delay <= 1_800_000);
  const renewed = new Promise<void>((resolve) => {
    serving.addIdentityCertificateListener((update) => {
      if (!update!.certificate.toString().startsWith(first)) resolve();
    });
  });
  await renewed;
  const after = await handshake({ ca }) as PeerCertificate;
  expect(after.serialNumber).not.toBe(before.serialNumber);
});
