import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';

/** What a token says. `exp` is an hour after `iat` where it is not said; `aud` is one or several. */
export type TokenClaims = Readonly<Record<string, unknown>>;

/** Seconds for which a token is good that does not say it. */
const LIFETIME = 3600;

/**
 * An issuer of JSON Web Tokens (RFC 7519) with a key of its own, ES256, which nobody else has and which ends with the process: what stands for an OpenID
 * provider on a laptop, and in tests.
 */
export class TokenIssuer {
  private readonly pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  private readonly keyId = randomUUID();

  /** @param issuer `iss` of its tokens, exactly */
  constructor(readonly issuer: string) {}

  /** Its keys (RFC 7517), in JSON. */
  jwks(): string {
    return JSON.stringify({ keys: [{ ...this.pair.publicKey.export({ format: 'jwk' }), kid: this.keyId, alg: 'ES256', use: 'sig' }] });
  }

  /**
   * A signed token.
   *
   * @param claims what it says beside `iss`, `iat` and `exp`, or instead
   * @param now milliseconds since 1970
   */
  token(claims: TokenClaims, now: number): string {
    const issuedAt = Math.floor(now / 1000);
    const payload = { iss: this.issuer, iat: issuedAt, exp: issuedAt + LIFETIME, ...claims };
    const signed = `${encoded({ alg: 'ES256', kid: this.keyId, typ: 'JWT' })}.${encoded(payload)}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: this.pair.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
