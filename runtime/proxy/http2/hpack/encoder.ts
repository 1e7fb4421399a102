import { copyBytes, writeLatin1 } from '../../http1/bytes';
import { Static, findStaticName } from './static-table';

/*
 * Header blocks without state: names by the static table, values as they are, nothing put into the peer's table. Between two proxies of a mesh the
 * bytes saved by a table cost more time than they are worth, and a block that depends on no other can be made ahead of its turn.
 */

/** The dynamic table is not used (RFC 7541 §6.3): first in the first block, so that no SETTINGS of the peer ever asks for another update. */
export const NO_TABLE = 0x20;

/** Bytes that a field takes beside those of its name and value at most. */
export const FIELD_OVERHEAD = 12;

const NEVER_INDEXED = 0x10;

export function writeInteger(to: Uint8Array, at: number, value: number, mask: number, pattern: number): number {
  if (value < mask) {
    to[at++] = pattern | value;
    return at;
  }
  to[at++] = pattern | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    to[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  to[at++] = rest;
  return at;
}

/** Entry `index` of the static table, name and value. */
export function writeIndexed(to: Uint8Array, at: number, index: number): number {
  to[at++] = 0x80 | index;
  return at;
}

/** A field whose name is entry `index` of the static table. */
export function writeNamed(to: Buffer, at: number, index: number, bytes: Buffer, start: number, end: number): number {
  at = writeInteger(to, at, index, 0x0f, isSecret(index) ? NEVER_INDEXED : 0);
  at = writeInteger(to, at, end - start, 0x7f, 0);
  return copyBytes(bytes, start, end, to, at);
}

/** A field as it stands in an HTTP/1.1 head; the name becomes lower case (RFC 9113 §8.2.1). */
export function writeField(
  to: Buffer, at: number, bytes: Buffer, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number,
): number {
  const length = nameEnd - nameStart;
  // Written where it would stand as a literal; if the table has it the index takes its place.
  const name = writeInteger(to, at + 1, length, 0x7f, 0);
  for (let i = 0; i < length; i++) {
    const c = bytes[nameStart + i];
    to[name + i] = c >= 65 && c <= 90 ? c | 32 : c;
  }
  const index = findStaticName(to, name, name + length);
  if (index !== 0) return writeNamed(to, at, index, bytes, valueStart, valueEnd);
  to[at] = 0;
  const value = writeInteger(to, name + length, valueEnd - valueStart, 0x7f, 0);
  return copyBytes(bytes, valueStart, valueEnd, to, value);
}

/** RFC 7541 §7.1.3: what could be guessed byte by byte from the length of a block, no intermediary may put into a table. */
function isSecret(index: number): boolean {
  return index === Static.Authorization || index === Static.ProxyAuthorization || index === Static.Cookie || index === Static.SetCookie;
}

/** `:status` of three digits. */
export function writeStatus(to: Buffer, at: number, status: number): number {
  switch (status) {
    case 200: return writeIndexed(to, at, 8);
    case 204: return writeIndexed(to, at, 9);
    case 206: return writeIndexed(to, at, 10);
    case 304: return writeIndexed(to, at, 11);
    case 400: return writeIndexed(to, at, 12);
    case 404: return writeIndexed(to, at, 13);
    case 500: return writeIndexed(to, at, 14);
    default:
      to[at++] = Static.Status;
      to[at++] = 3;
      to[at++] = 48 + ((status / 100) | 0);
      to[at++] = 48 + (((status / 10) | 0) % 10);
      to[at++] = 48 + (status % 10);
      return at;
  }
}

/** `:method`. */
export function writeMethod(to: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  if (isText(bytes, start, end, 'GET')) return writeIndexed(to, at, 2);
  if (isText(bytes, start, end, 'POST')) return writeIndexed(to, at, 3);
  return writeNamed(to, at, Static.Method, bytes, start, end);
}

function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** A field whose name is not in the static table, as it stands in front of a value. */
export function literalName(name: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name, 'latin1')]);
}

/** A value of fewer than 127 bytes, or of any length. */
export function writeTextValue(to: Buffer, at: number, text: string): number {
  return writeLatin1(to, writeInteger(to, at, text.length, 0x7f, 0), text);
}

/** A field that is given as texts. */
export function writeTextField(to: Buffer, at: number, name: string, value: string): number {
  const lower = name.toLowerCase();
  const start = at + 16 + lower.length;
  const nameEnd = writeLatin1(to, start, lower);
  return writeTextValue(to, writeName(to, at, to, start, nameEnd), value);
}

/** The name of a field that stands in lower case. */
function writeName(to: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  const index = findStaticName(bytes, start, end);
  if (index !== 0) return writeInteger(to, at, index, 0x0f, isSecret(index) ? NEVER_INDEXED : 0);
  to[at] = 0;
  const name = writeInteger(to, at + 1, end - start, 0x7f, 0);
  to.copyWithin(name, start, end);
  return name + end - start;
}

/** A field in lower case of a name that is not in the static table. */
export function writeLiteral(
  to: Buffer, at: number, bytes: Buffer, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number,
): number {
  to[at] = 0;
  at = writeInteger(to, at + 1, nameEnd - nameStart, 0x7f, 0);
  at = copyBytes(bytes, nameStart, nameEnd, to, at);
  at = writeInteger(to, at, valueEnd - valueStart, 0x7f, 0);
  return copyBytes(bytes, valueStart, valueEnd, to, at);
}

/** `te: trailers`. */
export const TE_TRAILERS = Buffer.concat([Buffer.from([0, 2]), Buffer.from('te'), Buffer.from([8]), Buffer.from('trailers')]);
