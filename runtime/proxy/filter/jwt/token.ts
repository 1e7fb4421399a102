import { ALGORITHMS, isSignedBy, type Algorithm } from './algorithms';
import type { KeySet } from './key-set';

/** Characters of a token at most; a head has little more room. */
export const MAX_TOKEN = 16 * 1024;

/** Why a token is not taken. Metrics count by it, and the client reads it: it says nothing that the token's owner does not know. */
export type TokenProblem =
  | 'missing' | 'malformed' | 'too_large' | 'algorithm' | 'critical' | 'type' | 'unknown_key' | 'signature' | 'issuer' | 'audience' | 'expired'
  | 'no_expiration' | 'not_yet_valid' | 'keys_unavailable';

export type Claims = Readonly<Record<string, unknown>>;

/** A token that is well formed and whose algorithm is one of ours; nothing in it is to be believed yet. */
export interface ParsedToken {
  readonly algorithm: Algorithm;
  readonly keyId: string | undefined;
  readonly claims: Claims;
  /** What the signature is over. */
  readonly signed: string;
  readonly signature: Buffer;
  /** The second part, as it came. */
  readonly payload: string;
}

/** Compact serialization (RFC 7515 §7.1): nothing but base64url, and each part of a length that it can have. */
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
/** A token for another purpose is none for this (RFC 8725 §3.11). */
const TYPES = new Set(['jwt', 'at+jwt']);

/** Reads a token (RFC 7519 §7.2, RFC 8725). */
export function parseToken(token: string): ParsedToken | TokenProblem {
  if (token.length > MAX_TOKEN) return 'too_large';
  const parts = COMPACT.exec(token);
  if (parts === null) return withoutSignature(token) ? 'algorithm' : 'malformed';
  const [, head, payload, signature] = parts;
  if ([head, payload, signature].some((part) => part.length % 4 === 1)) return 'malformed';
  const header = object(head);
  if (header === undefined) return 'malformed';
  const { alg, kid, typ } = header;
  const algorithm = typeof alg === 'string' ? ALGORITHMS.get(alg) : undefined;
  if (algorithm === undefined) return 'algorithm';
  // Extensions that have to be understood, and there is none that is (RFC 7515 §4.1.11); `b64` (RFC 7797) would be one.
  if (header.crit !== undefined || header.b64 !== undefined) return 'critical';
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.has(typ.toLowerCase().replace(/^application\//, '')))) return 'type';
  if (kid !== undefined && typeof kid !== 'string') return 'malformed';
  const claims = object(payload);
  if (claims === undefined) return 'malformed';
  return { algorithm, keyId: kid, claims, signed: token.slice(0, head.length + 1 + payload.length), signature: Buffer.from(signature, 'base64url'), payload };
}

/** What `alg: none` leaves empty. */
function withoutSignature(token: string): boolean {
  return /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.$/.test(token);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function object(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
}

/** Whether one of the set's keys has signed it. */
export function verifySignature(token: ParsedToken, keys: KeySet): TokenProblem | undefined {
  const { algorithm, keyId, signed, signature } = token;
  const candidates = keys.candidates(algorithm, keyId);
  if (candidates.length === 0) return 'unknown_key';
  for (const { key } of candidates) if (isSignedBy(algorithm, key, signed, signature)) return undefined;
  // Of a token that names its key the signature is wrong; of another one perhaps only the key is not here yet.
  return keyId === undefined ? 'unknown_key' : 'signature';
}

/** What is expected of claims. */
export interface Expected {
  readonly issuer: string | undefined;
  readonly audiences: readonly string[];
  readonly requireExpiration: boolean;
  readonly clockSkew: number;
}

/** Judges `iss` and `aud` (RFC 7519 §4.1), which stay as they are. */
export function judgeOrigin({ iss, aud }: Claims, { issuer, audiences }: Pick<Expected, 'issuer' | 'audiences'>): TokenProblem | undefined {
  if (issuer !== undefined && iss !== issuer) return 'issuer';
  if (audiences.length === 0) return undefined;
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return audiences.some((audience) => named.includes(audience)) ? undefined : 'audience';
}

/** When a token may be used, in milliseconds since 1970, clock skew included. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

/** Reads `nbf` and `exp`. A number of seconds that is none is no bound: it is malformed. */
export function validityOf({ nbf, exp }: Claims, { requireExpiration, clockSkew }: Pick<Expected, 'requireExpiration' | 'clockSkew'>): Validity | TokenProblem {
  if ((nbf !== undefined && !isSeconds(nbf)) || (exp !== undefined && !isSeconds(exp))) return 'malformed';
  if (exp === undefined && requireExpiration) return 'no_expiration';
  return { from: nbf === undefined ? -Infinity : nbf * 1000 - clockSkew, until: exp === undefined ? Infinity : exp * 1000 + clockSkew };
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** `now` is before the end, not at it (RFC 7519 §4.1.4). */
export function judgeTime({ from, until }: Validity, now: number): TokenProblem | undefined {
  if (now >= until) return 'expired';
  return now < from ? 'not_yet_valid' : undefined;
}
