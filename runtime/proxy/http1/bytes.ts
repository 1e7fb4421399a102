/** Byte tables and comparisons of HTTP/1.1 syntax; nothing here makes a string unless its name says so. */

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;

function table(characters: string): Uint8Array {
  const bytes = new Uint8Array(256);
  for (let i = 0; i < characters.length; i++) bytes[characters.charCodeAt(i)] = 1;
  return bytes;
}

const ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** tchar of RFC 9110 §5.6.2. */
export const TOKEN = table(`!#$%&'*+-.^_\`|~${ALPHANUMERIC}`);
/** field-vchar, SP and HTAB: VCHAR and obs-text (RFC 9110 §5.5). */
export const FIELD = new Uint8Array(256).map((_, i) => (i === HTAB || (i >= 32 && i !== 127) ? 1 : 0));
/** What a request-target may hold: visible ASCII without `#`, since a fragment is never sent (RFC 9112 §3.2). */
export const TARGET = new Uint8Array(256).map((_, i) => (i > 32 && i < 127 && i !== 35 ? 1 : 0));
/** reg-name and IPv4address of RFC 3986 §3.2.2. */
export const REG_NAME = table(`-._~%!$&'()*+,;=${ALPHANUMERIC}`);
/** Inside the brackets of an IP-literal. */
export const IP_LITERAL = table(`:.-_~!$&'()*+,;=%${ALPHANUMERIC}`);

/** Whether [start, end) is `lower`, which is given in lower case and holds letters, digits and `-` only. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const c = bytes[start + i];
    if ((c >= 65 && c <= 90 ? c | 32 : c) !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** The value of 1*DIGIT, or -1 for anything else and for numbers above 15 digits, which doubles may not hold. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 15) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Whether `token` is a member of the comma-separated list in [start, end). */
export function listHas(bytes: Uint8Array, start: number, end: number, token: string): boolean {
  for (let i = start; i < end;) {
    while (i < end && (bytes[i] === 44 || bytes[i] === SP || bytes[i] === HTAB)) i++;
    const from = i;
    while (i < end && bytes[i] !== 44) i++;
    let to = i;
    while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === HTAB)) to--;
    if (equalsIgnoreCase(bytes, from, to, token)) return true;
  }
  return false;
}

/** Host and optional port: RFC 9112 §3.2 and RFC 3986 §3.2, without userinfo; the host may not be empty (RFC 9110 §4.2.1). */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  if (i < end && bytes[i] === 91) {
    const from = ++i;
    while (i < end && IP_LITERAL[bytes[i]] === 1) i++;
    if (i === from || i >= end || bytes[i] !== 93) return false;
    i++;
  } else {
    while (i < end && REG_NAME[bytes[i]] === 1) {
      if (bytes[i] === 37 && !(i + 2 < end && isHex(bytes[i + 1]) && isHex(bytes[i + 2]))) return false;
      i++;
    }
    if (i === start) return false;
  }
  if (i === end) return true;
  if (bytes[i++] !== COLON || end - i > 5) return false;
  let port = 0;
  for (; i < end; i++) {
    const digit = bytes[i] - 48;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65535;
}

/** Whether an authority ends in a port, as the target of CONNECT has to (RFC 9110 §9.3.6). */
export function endsInPort(bytes: Uint8Array, start: number, end: number): boolean {
  let i = end;
  while (i > start && bytes[i - 1] >= 48 && bytes[i - 1] <= 57) i--;
  return i < end && i > start && bytes[i - 1] === COLON;
}

function isHex(c: number): boolean {
  return (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 102);
}

/** What `Buffer` has beside its documented `toString` and `write`, without their look at the encoding's name. */
interface Latin1Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length?: number): number;
}

/** [start, end) as a string of one character a byte. */
export function latin1(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as Latin1Buffer).latin1Slice(start, end);
}

/** Writes `text`, whose characters are all below 256, at `at`; returns the end. */
export function writeLatin1(bytes: Buffer, at: number, text: string): number {
  if (text.length > 40) return at + (bytes as unknown as Latin1Buffer).latin1Write(text, at, text.length);
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** Copies [start, end) of `from` to `at` of `to`; returns the end. Short runs are copied here: a call out of the engine costs more. */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const length = end - start;
  if (length <= 48) {
    for (let i = 0; i < length; i++) to[at + i] = from[start + i];
  } else {
    from.copy(to, at, start, end);
  }
  return at + length;
}
