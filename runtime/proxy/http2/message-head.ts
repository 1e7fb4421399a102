import { FIELD, HTAB, SP, TARGET, TOKEN, copyBytes, equalsIgnoreCase, parseDecimal, writeLatin1 } from '../http1/bytes';
import { MAX_FIELDS, type FieldSection } from './hpack/field-section';
import { Static } from './hpack/static-table';

/*
 * Header sections as HTTP/1.1 heads. Inside of the proxy every message is an HTTP/1.1 message, so a stream of HTTP/2 is read here into what its
 * sender would have written there, after everything that RFC 9113 §8 asks of it has been checked.
 */

/** Negative, so that they cannot be taken for an end. */
export const HeadResult = {
  /** RFC 9113 §8.1.1: a stream error of type PROTOCOL_ERROR. */
  Malformed: -1,
  TooLarge: -2,
} as const;

const CHUNKED = 'transfer-encoding: chunked\r\n';

/** What was found beside the head itself; filled by the functions below. */
export class HeadFacts {
  /** -1: not said. */
  contentLength = -1;
  isHead = false;
  isConnect = false;
  status = 0;
  /** The body goes on in chunks, since nothing says how long it is. */
  chunked = false;
}

const skip = new Uint8Array(MAX_FIELDS);

/** Characters of a name, none in upper case (RFC 9113 §8.2.1), and not of a connection-specific field (§8.2.2). */
function isPlainName(bytes: Buffer, start: number, end: number): boolean {
  if (end === start) return false;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (TOKEN[c] !== 1 || (c >= 65 && c <= 90)) return false;
  }
  switch (end - start) {
    case 7: return !equalsIgnoreCase(bytes, start, end, 'upgrade');
    case 10: return !equalsIgnoreCase(bytes, start, end, 'connection') && !equalsIgnoreCase(bytes, start, end, 'keep-alive');
    case 16: return !equalsIgnoreCase(bytes, start, end, 'proxy-connection');
    case 17: return !equalsIgnoreCase(bytes, start, end, 'transfer-encoding');
    default: return true;
  }
}

function isValue(bytes: Buffer, start: number, end: number): boolean {
  if (start === end) return true;
  const first = bytes[start], last = bytes[end - 1];
  if (first === SP || first === HTAB || last === SP || last === HTAB) return false;
  for (let i = start; i < end; i++) if (FIELD[bytes[i]] !== 1) return false;
  return true;
}

/** Fields from `from` on, which are no pseudo-headers any more: whether each may stand here. Reads content-length into `facts`. */
function checkFields(fields: FieldSection, from: number, facts: HeadFacts, isRequest: boolean): boolean {
  const { bytes, known, count } = fields;
  facts.contentLength = -1;
  for (let i = from; i < count; i++) {
    const start = fields.nameStart(i), valueStart = fields.valueStart(i), end = fields.valueEnd(i);
    skip[i] = 0;
    if (!isValue(bytes, valueStart, end)) return false;
    const name = known[i];
    if (name === 0) {
      if (!isPlainName(bytes, start, valueStart)) return false;
      // RFC 9113 §8.2.2: only `trailers`.
      if (isRequest && valueStart - start === 2 && bytes[start] === 116 && bytes[start + 1] === 101
        && !equalsIgnoreCase(bytes, valueStart, end, 'trailers')) return false;
    } else if (name <= Static.Status || name === Static.TransferEncoding) {
      return false;
    } else if (name === Static.ContentLength) {
      const length = parseDecimal(bytes, valueStart, end);
      if (length < 0 || (facts.contentLength >= 0 && facts.contentLength !== length)) return false;
      // The same twice is one (RFC 9110 §8.6).
      if (facts.contentLength >= 0) skip[i] = 1;
      facts.contentLength = length;
    }
  }
  return true;
}

function writeFields(fields: FieldSection, from: number, to: Buffer, at: number): number {
  const { bytes, count } = fields;
  for (let i = from; i < count; i++) {
    if (skip[i] === 1) continue;
    at = copyBytes(bytes, fields.nameStart(i), fields.nameEnd(i), to, at);
    to[at++] = 58;
    to[at++] = SP;
    at = writeLine(bytes, fields.valueStart(i), fields.valueEnd(i), to, at);
  }
  return at;
}

function writeLine(bytes: Buffer, start: number, end: number, to: Buffer, at: number): number {
  at = copyBytes(bytes, start, end, to, at);
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

/** Bytes of the head that `fields` become at most. */
function sizeOf(fields: FieldSection): number {
  return fields.end + fields.count * 4 + 128;
}

/** Writes a request's head at `at` of `to`, up to `limit`; returns its end or a `HeadResult`. */
export function writeRequestHead(fields: FieldSection, endStream: boolean, facts: HeadFacts, to: Buffer, at: number, limit: number): number {
  if (fields.tooLarge || at + sizeOf(fields) > limit) return HeadResult.TooLarge;
  const { bytes, known, count } = fields;
  let method = -1, scheme = -1, path = -1, authority = -1;
  let i = 0;
  for (; i < count && bytes[fields.nameStart(i)] === 58; i++) {
    switch (known[i]) {
      case Static.Method: if (method >= 0) return HeadResult.Malformed; method = i; break;
      case Static.Scheme: if (scheme >= 0) return HeadResult.Malformed; scheme = i; break;
      case Static.Path: if (path >= 0) return HeadResult.Malformed; path = i; break;
      case Static.Authority: if (authority >= 0) return HeadResult.Malformed; authority = i; break;
      default: return HeadResult.Malformed;
    }
  }
  const from = i;
  if (method < 0) return HeadResult.Malformed;
  const methodStart = fields.valueStart(method), methodEnd = fields.valueEnd(method);
  if (methodStart === methodEnd) return HeadResult.Malformed;
  for (let k = methodStart; k < methodEnd; k++) if (TOKEN[bytes[k]] !== 1) return HeadResult.Malformed;
  facts.isHead = isExactly(bytes, methodStart, methodEnd, 'HEAD');
  facts.isConnect = isExactly(bytes, methodStart, methodEnd, 'CONNECT');
  if (facts.isConnect ? scheme >= 0 || path >= 0 || authority < 0 : scheme < 0 || path < 0) return HeadResult.Malformed;
  if (!facts.isConnect && !isTarget(fields, path, isExactly(bytes, methodStart, methodEnd, 'OPTIONS'))) return HeadResult.Malformed;
  if (scheme >= 0 && !isScheme(fields, scheme)) return HeadResult.Malformed;
  if (!checkFields(fields, from, facts, true) || (endStream && facts.contentLength > 0)) return HeadResult.Malformed;
  const cookies = prepareCookies(fields, from);
  if (!sameHost(fields, from, authority)) return HeadResult.Malformed;

  at = copyBytes(bytes, methodStart, methodEnd, to, at);
  to[at++] = SP;
  const target = facts.isConnect ? authority : path;
  at = copyBytes(bytes, fields.valueStart(target), fields.valueEnd(target), to, at);
  at = writeLatin1(to, at, ' HTTP/1.1\r\n');
  if (authority >= 0) {
    at = writeLatin1(to, at, 'host: ');
    at = writeLine(bytes, fields.valueStart(authority), fields.valueEnd(authority), to, at);
  }
  at = writeFields(fields, from, to, at);
  if (cookies > 1) at = writeCookies(fields, from, to, at);
  facts.chunked = !endStream && facts.contentLength < 0;
  if (facts.chunked) at = writeLatin1(to, at, CHUNKED);
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

function isExactly(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Origin-form, or `*` for OPTIONS (RFC 9113 §8.3.1); any other form would be read as another one in HTTP/1.1. */
function isTarget(fields: FieldSection, i: number, isOptions: boolean): boolean {
  const { bytes } = fields;
  const start = fields.valueStart(i), end = fields.valueEnd(i);
  if (start === end) return false;
  if (bytes[start] !== 47) return isOptions && bytes[start] === 42 && end - start === 1;
  for (let k = start; k < end; k++) if (TARGET[bytes[k]] !== 1) return false;
  return true;
}

function isScheme(fields: FieldSection, i: number): boolean {
  const { bytes } = fields;
  const start = fields.valueStart(i), end = fields.valueEnd(i);
  return equalsIgnoreCase(bytes, start, end, 'http') || equalsIgnoreCase(bytes, start, end, 'https');
}

/** A Host beside `:authority` says the same, once (RFC 9113 §8.3.1), and is not written then. */
function sameHost(fields: FieldSection, from: number, authority: number): boolean {
  if (authority < 0) return true;
  const { bytes, known, count } = fields;
  const start = fields.valueStart(authority), end = fields.valueEnd(authority);
  for (let i = from; i < count; i++) {
    if (known[i] !== Static.Host) continue;
    if (!equalsIgnoreCase(bytes, fields.valueStart(i), fields.valueEnd(i), bytes.toString('latin1', start, end).toLowerCase())) return false;
    skip[i] = 1;
  }
  return true;
}

/** Crumbs of a cookie become one line again (RFC 9113 §8.2.3). How many there are. */
function prepareCookies(fields: FieldSection, from: number): number {
  let cookies = 0;
  for (let i = from; i < fields.count; i++) if (fields.known[i] === Static.Cookie) cookies++;
  if (cookies > 1) for (let i = from; i < fields.count; i++) if (fields.known[i] === Static.Cookie) skip[i] = 1;
  return cookies;
}

function writeCookies(fields: FieldSection, from: number, to: Buffer, at: number): number {
  at = writeLatin1(to, at, 'cookie: ');
  let first = true;
  for (let i = from; i < fields.count; i++) {
    if (fields.known[i] !== Static.Cookie) continue;
    if (!first) at = writeLatin1(to, at, '; ');
    first = false;
    at = copyBytes(fields.bytes, fields.valueStart(i), fields.valueEnd(i), to, at);
  }
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

/** As `writeRequestHead`, of an answer to a request; `facts.isHead` is that request's. */
export function writeResponseHead(fields: FieldSection, endStream: boolean, facts: HeadFacts, to: Buffer, at: number, limit: number): number {
  if (fields.tooLarge || at + sizeOf(fields) > limit) return HeadResult.TooLarge;
  const { bytes, known, count } = fields;
  if (count === 0 || known[0] !== Static.Status || fields.valueEnd(0) - fields.valueStart(0) !== 3) return HeadResult.Malformed;
  const status = parseDecimal(bytes, fields.valueStart(0), fields.valueEnd(0));
  // RFC 9113 §8.6: there is no 101.
  if (status < 100 || status === 101 || (status < 200 && endStream)) return HeadResult.Malformed;
  if (!checkFields(fields, 1, facts, false)) return HeadResult.Malformed;
  facts.status = status;
  const bodiless = facts.isHead || status === 304 || status === 204 || status < 200;
  if (endStream && !bodiless && facts.contentLength > 0) return HeadResult.Malformed;
  at = writeLatin1(to, at, 'HTTP/1.1 ');
  at = copyBytes(bytes, fields.valueStart(0), fields.valueEnd(0), to, at);
  at = writeLatin1(to, at, ' \r\n');
  at = writeFields(fields, 1, to, at);
  facts.chunked = false;
  if (!bodiless && facts.contentLength < 0) {
    facts.chunked = !endStream;
    at = writeLatin1(to, at, facts.chunked ? CHUNKED : 'content-length: 0\r\n');
  }
  if (bodiless) facts.contentLength = 0;
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

/** The end of a chunked body: the last chunk and the trailer section. `fields` undefined: without trailers. */
export function writeLastChunk(fields: FieldSection | undefined, to: Buffer, at: number, limit: number): number {
  if (fields !== undefined && (fields.tooLarge || at + sizeOf(fields) > limit)) return HeadResult.TooLarge;
  if (fields !== undefined && !checkFields(fields, 0, trailerFacts, false)) return HeadResult.Malformed;
  at = writeLatin1(to, at, '0\r\n');
  if (fields !== undefined) at = writeFields(fields, 0, to, at);
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

const trailerFacts = new HeadFacts();

/** Whether trailers may follow a body that is not chunked: they are checked, and dropped there (RFC 9110 §6.5). */
export function areTrailers(fields: FieldSection): boolean {
  return !fields.tooLarge && checkFields(fields, 0, trailerFacts, false);
}
