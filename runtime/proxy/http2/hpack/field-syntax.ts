import { FIELD, HTAB, SP, TOKEN } from '../../http1/bytes';
import { Known, knownHeader } from '../../http1/head';
import { KNOWN_BASE, PROTOCOL } from './field-section';
import { Static, findStaticName } from './static-table';

/** Characters of a name in lower case (RFC 9113 §8.2.1). */
const NAME = TOKEN.map((is, c) => (is === 1 && !(c >= 65 && c <= 90) ? 1 : 0));
const PROTOCOL_NAME = Buffer.from(':protocol', 'latin1');

/** What [start, end), the name of a field, is known as; -1 where no field may have it: upper case, or of a connection (RFC 9113 §8.2.1, §8.2.2). */
export function knownName(bytes: Buffer, start: number, end: number): number {
  if (start === end) return -1;
  const index = findStaticName(bytes, start, end);
  if (index !== 0) return index === Static.TransferEncoding ? -1 : index;
  if (bytes[start] === 58) return end - start === PROTOCOL_NAME.length && PROTOCOL_NAME.compare(bytes, start, end) === 0 ? PROTOCOL : -1;
  for (let i = start; i < end; i++) if (NAME[bytes[i]] !== 1) return -1;
  const known = knownHeader(bytes, start, end);
  switch (known) {
    case Known.Other:
      return 0;
    case Known.Connection: case Known.ProxyConnection: case Known.KeepAlive: case Known.Upgrade: case Known.TransferEncoding:
      return -1;
    default:
      return KNOWN_BASE + known;
  }
}

/** Whether [start, end) may be a field's value (RFC 9113 §8.2.1). */
export function isValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  const first = bytes[start], last = bytes[end - 1];
  if (first === SP || first === HTAB || last === SP || last === HTAB) return false;
  for (let i = start; i < end; i++) if (FIELD[bytes[i]] !== 1) return false;
  return true;
}
