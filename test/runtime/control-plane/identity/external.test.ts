import { webcrypto, X509Certificate } from 'node:crypto';
import { newSerial } from '../../../../runtime/control-plane/identity/authority-material';
import type { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { SecretAuthorityStore } from '../../../../runtime/control-plane/identity/secret-store';
import { SIGNING, toPem, x509 } from '../../../../runtime/control-plane/identity/x509';
import { HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { createLog } from '../../../../runtime/control-plane/log';
import { certificateRequest } from '../../../../runtime/proxy/identity/certificate-request';
import { newKey } from '../../../../runtime/proxy/identity/key';
import { FakeApiServer } from '../support/api-server';
import { WatchedClock } from '../support/watched-clock';

/** An authority of somebody else: a root that nobody here has the key of, an issuer below it, and a Secret as cert-manager writes and renews it. */
const HOUR = 3_600_000;
const NAME = 'mesh-ca';
const IDENTITY = 'spiffe://shop.example/ns/shop/sa/order';

interface Signer { readonly certificate: x509.X509Certificate; readonly keys: webcrypto.CryptoKeyPair }

const keyPair = async () => await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']) as webcrypto.CryptoKeyPair;
const authorityOf = (path?: number) => [
  new x509.BasicConstraintsExtension(true, path, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
];

async function rootOf(name: string, now: number): Promise<Signer> {
  const keys = await keyPair();
  return {
    keys,
    certificate: await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`, keys, signingAlgorithm: SIGNING, serialNumber: newSerial(), notBefore: new Date(now - HOUR), notAfter: new Date(now + 100_000 * HOUR),
      extensions: authorityOf(),
    }),
  };
}

async function signedBy(above: Signer, name: string, now: number, life: number): Promise<Signer> {
  const keys = await keyPair();
  return {
    keys,
    certificate: await x509.X509CertificateGenerator.create({
      subject: `CN=${name}`, issuer: above.certificate.subject, signingKey: above.keys.privateKey, publicKey: keys.publicKey, signingAlgorithm: SIGNING,
      serialNumber: newSerial(), notBefore: new Date(now - HOUR), notAfter: new Date(now + life), extensions: authorityOf(),
    }),
  };
}

async function secretOf(chain: readonly Signer[], root: Signer) {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', chain[0]!.keys.privateKey)).toString('base64');
  const data = {
    'tls.crt': toPem(chain.map(({ certificate }) => certificate)),
    'tls.key': `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    'ca.crt': toPem([root.certificate]),
  };
  return {
    apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: NAME, namespace: 'shop', annotations: { 'cert-manager.io/certificate-name': NAME } },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  };
}

let server: FakeApiServer;
let clock: WatchedClock;
let store: SecretAuthorityStore;
let lines: string[];
let close: () => Promise<void>;

beforeEach(async () => {
  clock = new WatchedClock();
  lines = [];
  server = await FakeApiServer.start();
  const api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
  const log = createLog(clock, 'info', (line) => lines.push(line));
  store = new SecretAuthorityStore({ api, clock, random: () => 0.5, log, namespace: 'shop', name: NAME, create: undefined });
  store.start();
  close = async () => {
    api.close();
    await store.close();
  };
});
afterEach(async () => {
  await close();
  await server.stop();
});

/** What a workload gets, as Node reads it: leaf first. */
async function issued(authority: CertificateAuthority): Promise<X509Certificate[]> {
  const key = await newKey();
  const request = await certificateRequest(key.publicKey, async (bytes) => key.sign(bytes));
  const { chain } = await authority.issue(request, { identity: IDENTITY, lifetime: 24 * HOUR }, clock.wallTime());
  return chain.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)!.map((pem) => new X509Certificate(pem));
}

/** Whoever trusts the root alone can follow it. */
function leadsTo(root: Signer, chain: readonly X509Certificate[]): boolean {
  const all = [...chain, new X509Certificate(root.certificate.toString('pem'))];
  return all.slice(0, -1).every((certificate, i) => certificate.checkIssued(all[i + 1]!) && certificate.verify(all[i + 1]!.publicKey));
}

test('an intermediate below another one signs; what it sends with a certificate leads to the root', async () => {
  const now = clock.wallTime();
  const root = await rootOf('corporate root', now);
  const issuer = await signedBy(root, 'issuer', now, 10_000 * HOUR);
  const signer = await signedBy(issuer, 'mesh', now, 1000 * HOUR);
  server.put(await secretOf([signer, issuer], root));
  await clock.run(() => store.current !== undefined);
  const chain = await issued(store.current!);
  expect(chain.map(({ subject }) => subject)).toEqual([undefined, 'CN=mesh', 'CN=issuer']);
  expect(chain[0]!.subjectAltName).toBe(`URI:${IDENTITY}`);
  expect(leadsTo(root, chain)).toBe(true);
  expect(store.current!.trustBundle.match(/BEGIN/g)).toHaveLength(1);
});

test('renewed, with another key, it signs from then on; certificates of before are still trusted', async () => {
  const now = clock.wallTime();
  const root = await rootOf('corporate root', now);
  server.put(await secretOf([await signedBy(root, 'mesh 1', now, 90 * HOUR)], root));
  await clock.run(() => store.current !== undefined);
  const before = store.current!;
  const old = await issued(before);
  server.put(await secretOf([await signedBy(root, 'mesh 2', now, 180 * HOUR)], root));
  await clock.run(() => store.current !== before);
  const fresh = await issued(store.current!);
  expect([old[1]!.subject, fresh[1]!.subject]).toEqual(['CN=mesh 1', 'CN=mesh 2']);
  expect([leadsTo(root, old), leadsTo(root, fresh)]).toEqual([true, true]);
  expect(store.current!.trustBundle).toBe(before.trustBundle);
});

test('one whose key came before its certificate is not taken; the one before signs until both are there', async () => {
  const now = clock.wallTime();
  const root = await rootOf('corporate root', now);
  server.put(await secretOf([await signedBy(root, 'mesh 1', now, 90 * HOUR)], root));
  await clock.run(() => store.current !== undefined);
  const before = store.current!;
  const next = await signedBy(root, 'mesh 2', now, 180 * HOUR);
  const whole = await secretOf([next], root);
  const half = await secretOf([await signedBy(root, 'mesh 3', now, 180 * HOUR)], root);
  server.put({ ...whole, data: { ...whole.data, 'tls.key': half.data['tls.key'] } });
  await clock.run(() => store.problem !== undefined);
  expect(store.problem).toBe(`Secret shop/${NAME}: tls.key is not the key of the first certificate of tls.crt (CN=mesh 2)`);
  expect(store.current).toBe(before);
  server.put(whole);
  await clock.run(() => store.current !== before);
  expect((await issued(store.current!))[1]!.subject).toBe('CN=mesh 2');
  expect(lines.join()).not.toContain('PRIVATE');
});

test('no certificate outlives the intermediate', async () => {
  const now = clock.wallTime();
  const root = await rootOf('corporate root', now);
  server.put(await secretOf([await signedBy(root, 'mesh', now, 5 * HOUR)], root));
  await clock.run(() => store.current !== undefined);
  const [leaf] = await issued(store.current!);
  expect(Date.parse(leaf!.validTo)).toBeLessThanOrEqual(now + 5 * HOUR);
});
