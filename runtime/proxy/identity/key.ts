import { createPublicKey, generateKeyPair, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** A key on P-256, and nothing that could give it away by mistake. */
export interface Key {
  /** SPKI, DER. */
  readonly publicKey: Uint8Array;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** See `Sign` of a certificate request. */
  sign(bytes: Uint8Array): Uint8Array;
}

export async function newKey(): Promise<Key> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' }) as { privateKey: KeyObject };
  return {
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    sign: (bytes) => sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };
}
