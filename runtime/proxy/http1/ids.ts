const HEX = Buffer.from('0123456789abcdef', 'latin1');

/**
 * Random identifiers, written as hexadecimal digits where they are needed: xorshift128, seeded from the source of randomness that the proxy
 * was given. They have to be unique, not secret.
 */
export class IdSource {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(random: () => number) {
    const word = () => Math.floor(random() * 0x1_0000_0000) | 0;
    this.a = word();
    this.b = word();
    this.c = word();
    this.d = word() | 1;
    for (let i = 0; i < 16; i++) this.next();
  }

  private next(): number {
    let t = this.d;
    const s = this.a;
    this.d = this.c;
    this.c = this.b;
    this.b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    return (this.a = t ^ s ^ (s >>> 19));
  }

  /** `words` × 8 digits, not all of them 0. */
  writeHex(bytes: Buffer, at: number, words: number): number {
    let any = 0;
    for (let w = 0; w < words; w++) {
      let value = this.next();
      if (w === words - 1 && (any | value) === 0) value = 1;
      any |= value;
      for (let shift = 28; shift >= 0; shift -= 4) bytes[at++] = HEX[(value >>> shift) & 15];
    }
    return at;
  }

  /** A UUID of version 4 (RFC 9562 §5.4). */
  writeUuid(bytes: Buffer, at: number): number {
    const w0 = this.next(), w1 = this.next(), w2 = this.next(), w3 = this.next();
    at = digits(bytes, at, w0, 28);
    bytes[at++] = 45;
    at = digits(bytes, at, w1 >>> 16, 12);
    bytes[at++] = 45;
    at = digits(bytes, at, 0x4000 | (w1 & 0xfff), 12);
    bytes[at++] = 45;
    at = digits(bytes, at, 0x8000 | ((w2 >>> 16) & 0x3fff), 12);
    bytes[at++] = 45;
    at = digits(bytes, at, w2 & 0xffff, 12);
    return digits(bytes, at, w3, 28);
  }
}

function digits(bytes: Buffer, at: number, value: number, from: number): number {
  for (let shift = from; shift >= 0; shift -= 4) bytes[at++] = HEX[(value >>> shift) & 15];
  return at;
}

/** Whether [at, at + length) is a traceparent that can be continued (W3C Trace Context §3.2.2): a known form, and no part all 0. */
export function isTraceparent(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < 55 || bytes[at + 2] !== 45 || bytes[at + 35] !== 45 || bytes[at + 52] !== 45) return false;
  const version = hexRange(bytes, at, 2);
  // Version ff is invalid; a later version may be longer, behind another dash.
  if (version < 0 || (bytes[at] === 102 && bytes[at + 1] === 102)) return false;
  if (version === 0 ? length !== 55 : length > 55 && bytes[at + 55] !== 45) return false;
  return hexRange(bytes, at + 3, 32) > 0 && hexRange(bytes, at + 36, 16) > 0 && hexRange(bytes, at + 53, 2) >= 0;
}

/** -1 where a byte is no lower-case hexadecimal digit, 0 where all are `0`, 1 otherwise. */
function hexRange(bytes: Uint8Array, at: number, length: number): number {
  let any = 0;
  for (let i = at; i < at + length; i++) {
    const c = bytes[i];
    if (!((c >= 48 && c <= 57) || (c >= 97 && c <= 102))) return -1;
    if (c !== 48) any = 1;
  }
  return any;
}
