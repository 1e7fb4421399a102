import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { createRoot, mergedBundle, newSerial, type AuthorityMaterial } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority, CertificateRequestError } from '../../../../runtime/control-plane/identity/certificate-authority';
import { SIGNING, x509 } from '../../../../runtime/control-plane/identity/x509';

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const IDENTITY = 'spiffe://shop.example/ns/shop/sa/payment';

type KeyAlgorithm = Parameters<typeof webcrypto.subtle.generateKey>[0];

async function keyPair(algorithm: KeyAlgorithm = SIGNING): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, ['sign', 'verify']) as webcrypto.CryptoKeyPair;
}

async function request(keys: webcrypto.CryptoKeyPair, name = 'CN=whatever, O=somebody else'): Promise<x509.Pkcs10CertificateRequest> {
  const signingAlgorithm = keys.privateKey.algorithm.name === 'ECDSA' ? SIGNING : keys.privateKey.algorithm;
  return x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: signingAlgorithm as typeof SIGNING,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://shop.example/ns/bank/sa/vault' }]), new x509.BasicConstraintsExtension(true)],
  });
}

/** An intermediate as an external authority gives it. */
async function intermediate(root: AuthorityMaterial, options: { ca?: boolean; usages?: number; notAfter?: number } = {}): Promise<AuthorityMaterial> {
  const keys = await keyPair();
  const issuer = new x509.X509Certificate(root.certificateChain);
  const der = Buffer.from(root.privateKey.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, SIGNING, false, ['sign']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: 'CN=intermediate',
    issuer: issuer.subject,
    notBefore: new Date(NOW - HOUR),
    notAfter: new Date(options.notAfter ?? NOW + 100 * HOUR),
    signingKey,
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(options.ca ?? true, undefined, true),
      new x509.KeyUsagesExtension(options.usages ?? x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { certificateChain: `${certificate.toString('pem')}\n`, privateKey: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, trustBundle: root.trustBundle };
}

describe('an authority made at install', () => {
  test('signs X.509-SVIDs: the identity is the one name, and nothing of the request but its key is taken over', async () => {
    const authority = await CertificateAuthority.load(await createRoot('shop.example', NOW), 'test', NOW);
    const keys = await keyPair();
    const csr = (await request(keys)).toString('pem');
    const { chain, notAfter, serialNumber } = await authority.issue(csr, { identity: IDENTITY, lifetime: 24 * HOUR }, NOW);
    const [leaf, ...above] = chain.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)!;
    // By Node's own reading, not by the library that wrote it.
    const certificate = new X509Certificate(leaf!);
    const root = new X509Certificate(authority.trustBundle);
    expect(above).toEqual([]);
    expect(certificate.subjectAltName).toBe(`URI:${IDENTITY}`);
    expect(certificate.subject).toBeUndefined();
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.checkIssued(root) && certificate.verify(root.publicKey)).toBe(true);
    expect(certificate.publicKey.export({ format: 'jwk' })).toMatchObject({ x: (await webcrypto.subtle.exportKey('jwk', keys.publicKey)).x });
    expect(Date.parse(certificate.validTo)).toBe(NOW + 24 * HOUR);
    expect(Date.parse(certificate.validFrom)).toBe(NOW - 60_000);
    expect(notAfter).toBe(NOW + 24 * HOUR);
    expect(certificate.serialNumber.toLowerCase()).toBe(serialNumber);
    expect(root.subjectAltName).toBe('URI:spiffe://shop.example');
    expect(root.ca).toBe(true);
    // RFC 5280 §4.2.1.6: critical, as the subject is empty.
    expect(new x509.X509Certificate(leaf!).getExtension(x509.SubjectAlternativeNameExtension)!.critical).toBe(true);
  });

  test('gives two workloads certificates of different serial numbers, of 127 bits', async () => {
    const authority = await CertificateAuthority.load(await createRoot('shop.example', NOW), 'test', NOW);
    const csr = (await request(await keyPair())).toString('pem');
    const issued = await Promise.all(Array.from({ length: 50 }, async () => authority.issue(csr, { identity: IDENTITY, lifetime: HOUR }, NOW)));
    const serials = issued.map(({ serialNumber }) => serialNumber);
    expect(new Set(serials).size).toBe(50);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  test('never signs for longer than it lives itself, and not at all after its end', async () => {
    const authority = await CertificateAuthority.load(await createRoot('shop.example', NOW, 10 * HOUR), 'test', NOW);
    const csr = (await request(await keyPair())).toString('pem');
    expect((await authority.issue(csr, { identity: IDENTITY, lifetime: 24 * HOUR }, NOW)).notAfter).toBe(NOW + 10 * HOUR);
    await expect(authority.issue(csr, { identity: IDENTITY, lifetime: HOUR }, NOW + 10 * HOUR)).rejects.toThrow('the authority ended at 2026-01-01T10:00:00.000Z');
  });

  test.each([
    ['RSA of 2048 bits', { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }],
    ['P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
    ['Ed25519', { name: 'Ed25519' }],
  ])('signs for keys of %s', async (_, algorithm) => {
    const authority = await CertificateAuthority.load(await createRoot('shop.example', NOW), 'test', NOW);
    const csr = (await request(await keyPair(algorithm))).toString('pem');
    expect((await authority.issue(csr, { identity: IDENTITY, lifetime: HOUR }, NOW)).chain).toContain('BEGIN CERTIFICATE');
  });

  test.each<[string, () => Promise<string | Uint8Array>, string]>([
    ['something else', async () => Buffer.from('hello'), 'no PKCS #10'],
    ['a weak key', async () => (await request(await keyPair({ name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' } as KeyAlgorithm))).toString('pem'), 'RSA key of 1024 bits'],
    ['a curve that TLS does not use', async () => (await request(await keyPair({ name: 'ECDSA', namedCurve: 'P-521' } as KeyAlgorithm))).toString('pem'), 'keys on P-521'],
    ['a key of somebody else', async () => {
      const der = Buffer.from((await request(await keyPair())).rawData);
      der[der.length - 1]! ^= 1;
      return der;
    }, 'not signed by its own key'],
  ])('refuses %s, and says why', async (_, make, reason) => {
    const authority = await CertificateAuthority.load(await createRoot('shop.example', NOW), 'test', NOW);
    const refused = authority.issue(await make(), { identity: IDENTITY, lifetime: HOUR }, NOW);
    await expect(refused).rejects.toThrow(reason);
    await expect(refused).rejects.toBeInstanceOf(CertificateRequestError);
  });
});

describe('an authority from a Secret', () => {
  test('may be an intermediate of an external one, which goes along with every leaf', async () => {
    const root = await createRoot('shop.example', NOW);
    const authority = await CertificateAuthority.load(await intermediate(root), 'test', NOW);
    const { chain } = await authority.issue((await request(await keyPair())).toString('pem'), { identity: IDENTITY, lifetime: 24 * HOUR }, NOW);
    const [leaf, above, ...more] = chain.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)!.map((pem) => new X509Certificate(pem));
    expect(more).toEqual([]);
    expect(leaf!.verify(above!.publicKey)).toBe(true);
    expect(above!.verify(new X509Certificate(root.trustBundle).publicKey)).toBe(true);
    expect(authority.notAfter).toBe(NOW + 100 * HOUR);
  });

  test('may hold a key of the older form that openssl writes', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const spki = await webcrypto.subtle.importKey('spki', publicKey.export({ type: 'spki', format: 'der' }), SIGNING, true, ['verify']);
    const pkcs8 = await webcrypto.subtle.importKey('pkcs8', privateKey.export({ type: 'pkcs8', format: 'der' }), SIGNING, true, ['sign']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=old', notBefore: new Date(NOW), notAfter: new Date(NOW + HOUR), signingAlgorithm: SIGNING, keys: { privateKey: pkcs8, publicKey: spki },
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    });
    const pem = certificate.toString('pem');
    await expect(CertificateAuthority.load({ certificateChain: pem, trustBundle: pem, privateKey: privateKey.export({ type: 'sec1', format: 'pem' }) as string }, 'test', NOW)).resolves.toBeDefined();
  });

  test.each<[string, () => Promise<AuthorityMaterial>, string]>([
    ['no certificate', async () => ({ ...await createRoot('a', NOW), certificateChain: 'nothing' }), 'Secret mesh/ca, tls.crt: holds no certificate in PEM'],
    ['a broken certificate', async () => ({ ...await createRoot('a', NOW), certificateChain: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----' }), 'tls.crt: certificate 1 of 1 cannot be read'],
    ['no key', async () => ({ ...await createRoot('a', NOW), privateKey: 'secret words' }), 'tls.key: is no private key in PEM'],
    ['the key of another', async () => ({ ...await createRoot('a', NOW), privateKey: (await createRoot('a', NOW)).privateKey }), 'tls.key is not the key of the first certificate'],
    ['a root that did not sign', async () => ({ ...await createRoot('a', NOW), trustBundle: (await createRoot('a', NOW)).trustBundle }), 'put the root of tls.crt into ca.crt'],
    ['a leaf', async () => intermediate(await createRoot('a', NOW), { ca: false }), 'is no authority (basicConstraints CA:TRUE)'],
    ['an authority for other things', async () => intermediate(await createRoot('a', NOW), { usages: x509.KeyUsageFlags.cRLSign }), 'may not sign certificates'],
    ['an end that has come', async () => intermediate(await createRoot('a', NOW), { notAfter: NOW }), 'ended at 2026-01-01T00:00:00.000Z'],
    ['a chain in the wrong order', async () => {
      const root = await createRoot('a', NOW);
      const below = await intermediate(root);
      return { ...below, certificateChain: below.certificateChain + (await intermediate(root)).certificateChain, trustBundle: (await createRoot('b', NOW)).trustBundle };
    }, 'certificate 1 (CN=intermediate) is not signed by the one after it'],
  ])('is refused with %s', async (_, make, reason) => {
    const material = await make();
    const loading = CertificateAuthority.load(material, 'Secret mesh/ca', NOW);
    await expect(loading).rejects.toThrow(reason);
    await expect(loading).rejects.not.toThrow('secret words');
  });
});

test('a bundle of bundles holds each root once', async () => {
  const [a, b] = await Promise.all([createRoot('a', NOW), createRoot('b', NOW)]);
  const merged = mergedBundle(a.trustBundle, b.trustBundle, a.trustBundle);
  expect(merged.match(/BEGIN/g)).toHaveLength(2);
  expect(merged).toContain(b.trustBundle.trim());
});
