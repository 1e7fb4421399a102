import { webcrypto } from 'node:crypto';
import { parseCertificates, SIGNING, toPem, x509 } from './x509';

/**
 * What an authority is made of, as a Secret of type kubernetes.io/tls holds it: the form that cert-manager writes, so that an intermediate of an
 * external authority needs no conversion.
 */
export interface AuthorityMaterial {
  /** `tls.crt`: the certificate that signs, then those up to a root, which may be left out. */
  readonly certificateChain: string;
  /** `tls.key`: its key, PKCS #8 or SEC 1. */
  readonly privateKey: string;
  /** `ca.crt`: the roots that everybody trusts; one, or more while a root is being replaced. */
  readonly trustBundle: string;
}

/** Ten years: replacing a root is an operation of its own, so it should be rare. */
export const ROOT_LIFETIME = 10 * 365 * 24 * 3600 * 1000;
/** Clocks of a mesh may differ by this much. */
export const CLOCK_SKEW = 60_000;

/**
 * A new root of a trust domain with its key. Its SPIFFE ID is that of the trust domain itself (SPIFFE X509-SVID §3.1), and it may sign leaves only.
 * @param now milliseconds since 1970
 */
export async function createRoot(trustDomain: string, now: number, lifetime = ROOT_LIFETIME): Promise<AuthorityMaterial> {
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ O: [trustDomain] }, { CN: [`root of ${trustDomain}, ${new Date(now).toISOString().slice(0, 10)}`] }],
    notBefore: new Date(now - CLOCK_SKEW),
    notAfter: new Date(now + lifetime),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const pem = `${certificate.toString('pem')}\n`;
  return { certificateChain: pem, privateKey: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----\n`, trustBundle: pem };
}

/** 127 random bits, positive (RFC 5280 §4.1.2.2). */
export function newSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0]! &= 0x7f;
  bytes[0]! |= 0x40;
  return Buffer.from(bytes).toString('hex');
}

/** Both, each root once. */
export function mergedBundle(...bundles: readonly string[]): string {
  const roots = new Map<string, x509.X509Certificate>();
  for (const bundle of bundles) for (const root of parseCertificates(bundle, 'trust bundle')) roots.set(root.toString('base64'), root);
  return toPem([...roots.values()]);
}
