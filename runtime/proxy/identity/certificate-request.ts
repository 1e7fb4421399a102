// The library's classes are decorated, and its decorators need this first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Signs with the key that is not here: ECDSA on P-256 with SHA-256, the two numbers side by side (IEEE P1363). */
export type Sign = (bytes: Uint8Array) => Promise<Uint8Array>;

/**
 * The request for a certificate of a key (PKCS #10, RFC 2986), DER. It says nothing of the workload: what a certificate says is what the authority
 * knows.
 * @param publicKey SPKI, DER
 */
export async function certificateRequest(publicKey: Uint8Array, sign: Sign): Promise<Uint8Array> {
  x509.cryptoProvider.set(webcrypto as never);
  const key = await webcrypto.subtle.importKey('spki', publicKey, P256, true, ['verify']);
  const subtle = new Proxy(webcrypto.subtle, {
    get: (target, name) => {
      if (name === 'sign') return async (_algorithm: unknown, _key: unknown, bytes: ArrayBuffer) => sign(new Uint8Array(bytes));
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  // Whatever it takes for the private key, it only hands on to `sign`.
  const keys = { publicKey: key, privateKey: key };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: P256 } as never, { subtle } as never);
  return new Uint8Array(request.rawData);
}
