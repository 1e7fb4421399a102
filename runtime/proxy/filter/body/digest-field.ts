import type { Hash } from 'node:crypto';

/** Bytes of a SHA-256. */
const LENGTH = 32;

export function sha256(): Hash {
  // Loaded by whom has digests.
  return process.getBuiltinModule('node:crypto').createHash('sha256');
}

/** The value of Content-Digest or Repr-Digest for a hash that is complete (RFC 9530 §2). */
export function digestField(digest: Buffer): string {
  return `sha-256=:${digest.toString('base64')}:`;
}

/**
 * The `sha-256` of a Dictionary of digests (RFC 9530 §2, RFC 9651 §3.2); undefined: the field names other algorithms alone, about which nothing is
 * said; null: it has no digest that could be one, which no body can match. Of a name that comes twice the last counts.
 */
export function sha256Of(field: string): Buffer | undefined | null {
  let found: Buffer | undefined | null;
  for (const member of field.split(',')) {
    const at = member.indexOf('=');
    const name = (at < 0 ? member : member.slice(0, at)).trim();
    if (name !== 'sha-256') continue;
    const bytes = at < 0 ? null : /^:([A-Za-z0-9+/]*={0,2}):\s*(?:;.*)?$/.exec(member.slice(at + 1));
    const digest = bytes === null ? undefined : Buffer.from(bytes[1], 'base64');
    found = digest?.length === LENGTH ? digest : null;
  }
  return found;
}

/** Names, in lower case, whose value a new coding of the content makes wrong; the last two are what RFC 9530 replaces. */
export const DIGEST_FIELDS: readonly string[] = ['content-digest', 'repr-digest', 'digest', 'content-md5'];

/** Digests that one message says it has, and the hash of what has come of its body. */
export class ExpectedDigest {
  private readonly hash = sha256();
  private expected: (Buffer | null)[] = [];

  /** A field of the head or of the trailers. */
  expect(field: string | undefined): void {
    const digest = field === undefined ? undefined : sha256Of(field);
    if (digest !== undefined) this.expected.push(digest);
  }

  /** The message has a digest that is looked at. */
  get isAsked(): boolean {
    return this.expected.length > 0;
  }

  update(bytes: Buffer, start: number, end: number): void {
    this.hash.update(bytes.subarray(start, end));
  }

  /** The body is complete. Whether it is what the message said, where it said anything. */
  matches(): boolean {
    if (this.expected.length === 0) return true;
    const made = this.hash.digest();
    return this.expected.every((digest) => digest !== null && made.equals(digest));
  }
}

/** The value of a field among lines of trailers, all of its lines joined. */
export function trailerValue(lines: Buffer, name: string): string | undefined {
  let found: string | undefined;
  for (const line of lines.toString('latin1').split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 0 || line.slice(0, colon).toLowerCase() !== name) continue;
    const value = line.slice(colon + 1).trim();
    found = found === undefined ? value : `${found},${value}`;
  }
  return found;
}
