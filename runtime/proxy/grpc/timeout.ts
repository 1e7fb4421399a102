import { parseDecimal } from '../http1/bytes';
import type { Head } from '../http1/head';
import { literalName } from '../http2/hpack/encoder';

const NAME = 'grpc-timeout';
/** What stands in front of a value in HTTP/1.1, and in a header block. */
const LINE = Buffer.from(`${NAME}: `, 'latin1');
/** Bytes of a value as it is written here: eight digits and a unit. */
export const TIMEOUT_LENGTH = 9;
const FIELD = Buffer.concat([literalName(NAME), Buffer.from([TIMEOUT_LENGTH])]);
/** Bytes that a composed head grows by, at most. */
export const TIMEOUT_ROOM = 32;
const MOST_DIGITS = 99_999_999;
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** The line that says how long the client waits; -1: none. */
export function timeoutLine(head: Head): number {
  for (let i = 0; i < head.count; i++) if (head.nameEnd(i) - head.nameStart(i) === NAME.length && head.isName(i, NAME)) return i;
  return -1;
}

/** Milliseconds of a value: one to eight digits and a unit (gRPC over HTTP/2, "Timeout"). -1: it is none. */
export function parseTimeout(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 2 || end - start > TIMEOUT_LENGTH) return -1;
  const value = parseDecimal(bytes, start, end - 1);
  const unit = UNITS[String.fromCharCode(bytes[end - 1])];
  return value < 0 || unit === undefined ? -1 : value * unit;
}

/**
 * Writes milliseconds with eight digits, so that another try's value takes the same room: rounded down, as the next hop shall not wait longer than this one,
 * and at least the smallest value that is time.
 */
export function writeTimeout(to: Uint8Array, at: number, milliseconds: number): number {
  let unit = 109;
  let value = Math.floor(milliseconds);
  if (value > MOST_DIGITS) {
    unit = 83;
    value = Math.min(MOST_DIGITS, Math.floor(milliseconds / 1000));
  } else if (milliseconds < 10) {
    unit = 117;
    value = Math.max(1, Math.floor(milliseconds * 1000));
  }
  for (let i = at + 7; i >= at; i--) {
    to[i] = 48 + value % 10;
    value = Math.floor(value / 10);
  }
  to[at + 8] = unit;
  return at + TIMEOUT_LENGTH;
}

/** Makes room for a value at the end of a composed head: a field behind a header block, or a line in front of the empty one. Returns where it stands. */
export function reserveTimeout(to: Buffer, end: number, isBlock: boolean): number {
  const name = isBlock ? FIELD : LINE;
  const start = isBlock ? end : end - 2;
  name.copy(to, start);
  const at = start + name.length;
  if (!isBlock) to.write('\r\n\r\n', at + TIMEOUT_LENGTH, 'latin1');
  return at;
}
