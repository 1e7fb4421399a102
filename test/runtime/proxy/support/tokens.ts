import { createHmac, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto';

export type SigningAlgorithm = 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA';

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;
const PSS = 6;

/** A key of an issuer. */
export class IssuerKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;

  constructor(readonly algorithm: SigningAlgorithm, readonly id: string, bits = 2048) {
    const pair = algorithm === 'EdDSA' ? generateKeyPairSync('ed25519')
      : algorithm in CURVES ? generateKeyPairSync('ec', { namedCurve: CURVES[algorithm as keyof typeof CURVES] })
        : generateKeyPairSync('rsa', { modulusLength: bits });
    ({ privateKey: this.privateKey, publicKey: this.publicKey } = pair);
  }

  jwk(changes: Readonly<Record<string, unknown>> = {}): JsonWebKey {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.id, alg: this.algorithm, use: 'sig', ...changes };
  }

  /** A token. `header` replaces members of its header; undefined takes them out. */
  token(claims: unknown, header: Readonly<Record<string, unknown>> = {}): string {
    const signed = `${encoded({ alg: this.algorithm, kid: this.id, typ: 'JWT', ...header })}.${encoded(claims)}`;
    return `${signed}.${this.signature(signed).toString('base64url')}`;
  }

  private signature(signed: string): Buffer {
    const { algorithm, privateKey } = this;
    if (algorithm === 'EdDSA') return sign(undefined, Buffer.from(signed), privateKey);
    const options = algorithm.startsWith('E') ? { dsaEncoding: 'ieee-p1363' as const }
      : algorithm.startsWith('P') ? { padding: PSS, saltLength: Number(algorithm.slice(2)) / 8 } : {};
    return sign(`sha${algorithm.slice(2)}`, Buffer.from(signed), { key: privateKey, ...options });
  }
}

export function encoded(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** A token with an HMAC, by whatever secret. */
export function hmacToken(claims: unknown, secret: string | Buffer, header: Readonly<Record<string, unknown>> = {}): string {
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT', ...header })}.${encoded(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

export function jwks(...keys: readonly (IssuerKey | JsonWebKey)[]): string {
  return JSON.stringify({ keys: keys.map((key) => (key instanceof IssuerKey ? key.jwk() : key)) });
}
