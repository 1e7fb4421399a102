import type { HeaderMutation, HeaderValue, JwtProviderConfig } from '../../config/types';
import type { FilterRequest } from '../types';
import { KeySet } from './key-set';
import type { KeyStore } from './key-store';
import type { RemoteKeys } from './remote-keys';
import { judgeOrigin, judgeTime, parseToken, validityOf, verifySignature, type Claims, type TokenProblem, type Validity } from './token';

/** Longer tokens are verified each time. */
const REMEMBERED_LENGTH = 4096;

/** A token that was verified, and what becomes of it. */
export interface Verified {
  readonly claims: Claims;
  /** What the upstream gets, and does not. */
  readonly headers: HeaderMutation;
  readonly validity: Validity;
  /** Of the keys. */
  readonly version: number;
}

/** The keys of a provider are not there yet, or the one that a token names: ask again when these have more. */
export interface Awaits {
  readonly awaits: RemoteKeys;
}

/** A provider of tokens, compiled: finds the token of a request, verifies it once, and remembers that for as long as it is right. */
export class Provider {
  readonly name: string;
  readonly remote: RemoteKeys | undefined;
  /** Of tokens that were remembered, and that were not. */
  hits = 0;
  misses = 0;
  private readonly local: KeySet | undefined;
  private readonly remembered = new Map<string, Verified>();
  private readonly spaceDelimited: ReadonlySet<string>;

  /** @throws Error for keys in the configuration that are none. */
  constructor(readonly config: JwtProviderConfig, keys: KeyStore, private readonly sanitized: readonly string[]) {
    this.name = config.name;
    if (config.keys.kind === 'remote') this.remote = keys.of(config, config.keys);
    else this.local = KeySet.parse(config.keys.jwks);
    this.spaceDelimited = new Set(config.spaceDelimited);
  }

  /** The token of a request; undefined: it has none. */
  find(request: FilterRequest): string | undefined {
    const { headers } = this.config;
    for (let i = 0; i < headers.length; i++) {
      const { name, prefix } = headers[i];
      const value = request.header(name);
      // A scheme is in either case (RFC 9110 §11.1).
      if (value === undefined || value.length < prefix.length || !startsWith(value, prefix)) continue;
      return value.slice(prefix.length).trim();
    }
    return undefined;
  }

  /** @param now milliseconds since 1970. @param audiences instead of the provider's own. */
  verify(token: string, now: number, audiences: readonly string[] | undefined): Verified | Awaits | TokenProblem {
    const known = this.remembered.get(token);
    const keys = this.keys();
    if (known !== undefined && typeof keys === 'object' && known.version === this.version && audiences === undefined) {
      const late = judgeTime(known.validity, now);
      if (late === undefined) {
        this.hits++;
        return known;
      }
      this.remembered.delete(token);
      return late;
    }
    this.misses++;
    const parsed = parseToken(token);
    if (typeof parsed === 'string') return parsed;
    const { config } = this;
    const foreign = judgeOrigin(parsed.claims, { issuer: config.issuer, audiences: audiences ?? config.audiences });
    if (foreign !== undefined) return foreign;
    const validity = validityOf(parsed.claims, config);
    if (typeof validity === 'string') return validity;
    const late = judgeTime(validity, now);
    if (late !== undefined) return late;
    if (typeof keys === 'string') return keys === 'wait' ? { awaits: this.remote! } : 'keys_unavailable';
    const wrong = verifySignature(parsed, keys);
    if (wrong === 'unknown_key' && this.remote?.seekMore()) return { awaits: this.remote };
    if (wrong !== undefined) return wrong;
    const { claims, payload } = parsed;
    const verified = { claims: this.normalized(claims), headers: this.headersOf(claims, payload), validity, version: this.version };
    if (audiences === undefined) this.remember(token, verified);
    return verified;
  }

  private get version(): number {
    return this.remote === undefined ? 0 : this.remote.version;
  }

  private keys(): KeySet | 'wait' | 'unavailable' {
    return this.local ?? this.remote!.current();
  }

  private remember(token: string, verified: Verified): void {
    const { remembered, config: { cacheSize } } = this;
    if (cacheSize === 0 || token.length > REMEMBERED_LENGTH) return;
    // Whoever makes ever new tokens pushes others out, which costs those one verification.
    if (remembered.size >= cacheSize) remembered.delete(remembered.keys().next().value!);
    remembered.set(token, verified);
  }

  /** For rules: words of a string as a list. */
  private normalized(claims: Claims): Claims {
    const { spaceDelimited } = this;
    if (spaceDelimited.size === 0) return claims;
    return Object.fromEntries(Object.entries(claims).map(([name, value]) =>
      [name, spaceDelimited.has(name) && typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : value]));
  }

  private headersOf(claims: Claims, payload: string): HeaderMutation {
    const { claimHeaders, payloadHeader, forward, headers } = this.config;
    const set: HeaderValue[] = [];
    for (const { header, claim } of claimHeaders) {
      const value = headerValue(claimOf(claims, claim));
      if (value !== undefined) set.push({ name: header, value });
    }
    if (payloadHeader !== undefined) {
      set.push({ name: payloadHeader.name, value: payloadHeader.padded ? payload.padEnd(Math.ceil(payload.length / 4) * 4, '=') : payload });
    }
    const stripped = forward ? [] : headers.map(({ name }) => name);
    return { remove: [...this.sanitized, ...stripped], set, append: [] };
  }
}

function startsWith(value: string, prefix: string): boolean {
  return value.startsWith(prefix) || value.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase();
}

/** A claim by its name, or by a path of names with dots between them. */
export function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** Of text as UTF-8, numbers and truth values in letters, all else as Envoy has it: JSON in base64. Undefined: it can stand in no header. */
function headerValue(claim: unknown): string | undefined {
  switch (typeof claim) {
    case 'string': {
      const bytes = Buffer.from(claim, 'utf8').toString('latin1');
      // A line break would begin another header.
      return /[\0-\x08\x0a-\x1f\x7f]/.test(bytes) ? undefined : bytes.trim();
    }
    case 'number':
    case 'boolean': return String(claim);
    case 'object': return claim === null ? undefined : Buffer.from(JSON.stringify(claim)).toString('base64');
    default: return undefined;
  }
}
