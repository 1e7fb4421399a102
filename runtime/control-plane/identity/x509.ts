// The library's classes are decorated, and its decorators need this first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as never);

export { x509 };

/** Signatures of what is made here: P-256, which every client knows and which costs the least. */
export const SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Certificates of a PEM file, in its order. @throws Error that says which of them cannot be read. */
export function parseCertificates(pem: string, what: string): x509.X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error(`${what}: holds no certificate in PEM`);
  return blocks.map((block, i) => {
    try {
      return new x509.X509Certificate(block);
    } catch (error) {
      throw new Error(`${what}: certificate ${i + 1} of ${blocks.length} cannot be read: ${(error as Error).message}`);
    }
  });
}

export function toPem(certificates: readonly x509.X509Certificate[]): string {
  return certificates.map((certificate) => `${certificate.toString('pem')}\n`).join('');
}

/** What a PKCS #8 key may be used for. @throws Error where it is of a kind that nobody here signs with. */
export async function importSigningKey(pem: string, what: string): Promise<webcrypto.CryptoKey> {
  const { createPrivateKey } = process.getBuiltinModule('node:crypto');
  let key;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The library's words quote the key.
    throw new Error(`${what}: is no private key in PEM`);
  }
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec' && (namedCurve === 'prime256v1' || namedCurve === 'secp384r1')) {
    return webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: namedCurve === 'prime256v1' ? 'P-256' : 'P-384' }, false, ['sign']);
  }
  if (key.asymmetricKeyType === 'rsa') return webcrypto.subtle.importKey('pkcs8', der, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']);
  if (key.asymmetricKeyType === 'ed25519') return webcrypto.subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, ['sign']);
  throw new Error(`${what}: is ${key.asymmetricKeyType}${namedCurve ? ` on ${namedCurve}` : ''}; authorities sign with ECDSA on P-256 or P-384, RSA or Ed25519`);
}
