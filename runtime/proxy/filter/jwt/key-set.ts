import type { JsonWebKey, KeyObject } from 'node:crypto';
import { ALGORITHMS, type Algorithm } from './algorithms';

/** Keys of one set at most; an issuer has a few. */
const MOST_KEYS = 64;
/** RFC 7518 §3.3 for the smaller; a larger one would cost whoever verifies more than it gives. */
const MODULUS_BITS = { least: 2048, most: 8192 };
/** Keys that a token without `kid` is tried with at most. */
const MOST_TRIED = 4;

/** A public key, and which algorithms it may be used with. */
export interface VerificationKey {
  readonly id: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly key: KeyObject;
}

/** The keys of an issuer (RFC 7517), as far as they can verify signatures. */
export class KeySet {
  private constructor(private readonly keys: readonly VerificationKey[]) {}

  /**
   * Reads a JWK Set. A key that is of no use here is passed over, as RFC 7517 §5 has it: secrets, keys for encryption, unknown types and curves, and such
   * as are too weak.
   * @throws Error where the text is no set, or has no key that is of use.
   */
  static parse(text: string): KeySet {
    let set: unknown;
    try {
      set = JSON.parse(text);
    } catch {
      throw new Error('is no JSON');
    }
    const { keys } = (typeof set === 'object' && set !== null ? set : {}) as { keys?: unknown };
    if (!Array.isArray(keys)) throw new Error('is no JWK Set: it has no "keys"');
    const read = keys.slice(0, MOST_KEYS).map(readKey).filter((key) => key !== undefined);
    if (read.length === 0) throw new Error(`has no key that can verify a signature, of ${keys.length}`);
    return new KeySet(read);
  }

  get size(): number {
    return this.keys.length;
  }

  /** Those that a token of this header may be signed with. `id`: its `kid`; one that is there has to be the key's. */
  candidates(algorithm: Algorithm, id: string | undefined): readonly VerificationKey[] {
    const fitting = this.keys.filter((key) => key.algorithms.has(algorithm.name) && (id === undefined || key.id === id));
    return fitting.slice(0, MOST_TRIED);
  }

  /** Whether a key of that name is here at all. */
  has(id: string): boolean {
    return this.keys.some((key) => key.id === id);
  }
}

const KEY_OPS_VERIFY = 'verify';

function readKey(jwk: unknown): VerificationKey | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kty, use, key_ops: operations, alg, kid, crv, n, e, x, y } = jwk as Record<string, unknown>;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes(KEY_OPS_VERIFY))) return undefined;
  const fitting = [...ALGORITHMS.values()].filter(({ name, keyType, curve }) =>
    keyType === kty && (curve === undefined || curve === crv) && (alg === undefined || alg === name || isSameEdwards(alg, name)));
  if (fitting.length === 0) return undefined;
  // Only what is public of it.
  const parts: JsonWebKey = kty === 'RSA' ? { kty, n, e } as JsonWebKey : kty === 'EC' ? { kty, crv, x, y } as JsonWebKey : { kty: 'OKP', crv, x } as JsonWebKey;
  const { createPublicKey } = process.getBuiltinModule('node:crypto');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: parts, format: 'jwk' });
  } catch {
    return undefined;
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && (bits < MODULUS_BITS.least || bits > MODULUS_BITS.most)) return undefined;
  return { id: typeof kid === 'string' ? kid : undefined, algorithms: new Set(fitting.map(({ name }) => name)), key };
}

/** Two names of one algorithm. */
function isSameEdwards(alg: unknown, name: string): boolean {
  return (alg === 'EdDSA' && name === 'Ed25519') || (alg === 'Ed25519' && name === 'EdDSA');
}
