import { TARGET, TOKEN, endsInPort, equalsIgnoreCase, isAuthority, parseDecimal } from '../http1/bytes';
import { Body, Refuse, type Framing } from '../http1/framing';
import { Known, MAX_HEADERS, MAX_TARGET, type Head } from '../http1/head';
import type { IdSource } from '../http1/ids';
import { KNOWN_BASE, PROTOCOL, type FieldSection } from './hpack/field-section';
import { Static } from './hpack/static-table';

/** What became of a header section beside a `Refuse`, of which it is no part. */
export const SectionError = {
  /** RFC 9113 §8.1.1: a stream error of type PROTOCOL_ERROR. */
  Malformed: -1,
  TooLarge: -2,
  TargetTooLong: -3,
} as const;

const KNOWN_OF_STATIC = new Uint8Array(64);
KNOWN_OF_STATIC[Static.Host] = Known.Host;
KNOWN_OF_STATIC[Static.ContentLength] = Known.ContentLength;
KNOWN_OF_STATIC[Static.TransferEncoding] = Known.TransferEncoding;
KNOWN_OF_STATIC[Static.Expect] = Known.Expect;
KNOWN_OF_STATIC[Static.UserAgent] = Known.UserAgent;
KNOWN_OF_STATIC[Static.Server] = Known.Server;
KNOWN_OF_STATIC[Static.RetryAfter] = Known.RetryAfter;
KNOWN_OF_STATIC[Static.Date] = Known.Date;

/**
 * The fields from `from` on as the lines of `head`, whose offsets count from `base`. Returns the value of content-length, -1 where there is none, or
 * -2 where a field may not stand here.
 */
export function readLines(fields: FieldSection, from: number, head: Head, base: number): number {
  const { bytes, count, known } = fields;
  let contentLength = -1;
  head.begin(bytes, base);
  head.linesStart = (from < count ? fields.nameStart(from) : fields.end) - base;
  for (let i = from; i < count; i++) {
    const name = known[i];
    const start = fields.nameStart(i), nameEnd = fields.nameEnd(i), end = fields.valueEnd(i);
    let kind: number = Known.Other;
    if (name >= KNOWN_BASE) {
      if (name === PROTOCOL) return -2;
      kind = name - KNOWN_BASE;
      // RFC 9113 §8.2.2: nothing but `trailers`.
      if (kind === Known.Te && !equalsIgnoreCase(bytes, nameEnd + 2, end, 'trailers')) return -2;
    } else if (name > 0) {
      // No pseudo-header after the others (RFC 9113 §8.3).
      if (name <= Static.Status || name === Static.TransferEncoding) return -2;
      kind = KNOWN_OF_STATIC[name];
      if (kind === Known.ContentLength) {
        if (contentLength >= 0) return -2;
        contentLength = parseDecimal(bytes, nameEnd + 2, end);
        if (contentLength < 0) return -2;
      }
    }
    head.add(start - base, nameEnd - base, nameEnd + 2 - base, end - base, end + 2 - base, kind);
  }
  fields.reserve(fields.end, 2);
  head.bytes = fields.bytes;
  fields.bytes[fields.end] = 13;
  fields.bytes[fields.end + 1] = 10;
  head.length = fields.end + 2 - base;
  return contentLength;
}

/** Reads a request's header section: `head` is where its lines stand, `framing` what they mean. Returns a `SectionError` or a `Refuse`. */
export function readRequestSection(fields: FieldSection, endStream: boolean, head: Head, framing: Framing): number {
  if (fields.malformed) return SectionError.Malformed;
  if (fields.tooLarge) return SectionError.TooLarge;
  const { bytes, known, count } = fields;
  let method = -1, scheme = -1, path = -1, authority = -1, protocol = -1;
  let from = 0;
  for (; from < count && bytes[fields.nameStart(from)] === 58; from++) {
    switch (known[from]) {
      case Static.Method: if (method >= 0) return SectionError.Malformed; method = from; break;
      case Static.Scheme: if (scheme >= 0) return SectionError.Malformed; scheme = from; break;
      case Static.Path: if (path >= 0) return SectionError.Malformed; path = from; break;
      case Static.Authority: if (authority >= 0) return SectionError.Malformed; authority = from; break;
      case PROTOCOL: if (protocol >= 0) return SectionError.Malformed; protocol = from; break;
      default: return SectionError.Malformed;
    }
  }
  if (method < 0 || !readMethod(fields, method, framing)) return SectionError.Malformed;
  const isConnect = isText(bytes, fields.valueStart(method), fields.valueEnd(method), 'CONNECT');
  if (isConnect && protocol < 0) {
    // RFC 9113 §8.5: neither scheme nor path.
    if (scheme >= 0 || path >= 0 || authority < 0) return SectionError.Malformed;
    return readConnect(fields, from, method, authority, endStream, head, framing);
  }
  if (scheme < 0 || path < 0 || (protocol >= 0 && !isConnect)) return SectionError.Malformed;
  if (hasCrumbs(fields, from)) joinCookies(fields, from);
  // As a request of HTTP/1.1 asks for it: what follows knows one way.
  if (isConnect) becomeUpgrade(fields, method);
  if (fields.count - from >= MAX_HEADERS) return SectionError.TooLarge;
  const length = readLines(fields, from, head, 0);
  if (length === -2 || (endStream && (length > 0 || isConnect))) return SectionError.Malformed;
  if (length < 0 && !endStream && !isConnect) addLine(fields, head, CHUNKED_LINE, CODING_NAME, Known.TransferEncoding);
  const b = fields.bytes;
  const schemeStart = fields.valueStart(scheme), schemeEnd = fields.valueEnd(scheme);
  framing.https = equalsIgnoreCase(b, schemeStart, schemeEnd, 'https');
  if (!framing.https && !equalsIgnoreCase(b, schemeStart, schemeEnd, 'http')) return SectionError.Malformed;
  const target = readPath(fields, path, method, head, framing);
  if (target !== Refuse.Nothing) return target;
  head.methodStart = fields.valueStart(method);
  head.methodEnd = fields.valueEnd(method);
  framing.body = endStream || isConnect ? Body.None : length >= 0 ? Body.Length : Body.Chunked;
  framing.length = length;
  framing.upgrade = isConnect;
  const wrong = readAuthority(fields, authority, head, framing);
  if (wrong !== Refuse.Nothing) return wrong;
  if (isConnect && !equalsIgnoreCase(b, fields.valueStart(protocol), fields.valueEnd(protocol), 'websocket')) return Refuse.Connect;
  return Refuse.Nothing;
}

const UPGRADE_LINE = Buffer.from('upgradewebsocket', 'latin1');

/** Extended CONNECT (RFC 8441 §5) is GET with `upgrade: websocket`. */
function becomeUpgrade(fields: FieldSection, method: number): void {
  fields.setValue(method, 'GET');
  fields.append(UPGRADE_LINE, 0, 7, 7, 16, KNOWN_BASE + Known.Upgrade);
}

const CHUNKED_LINE = Buffer.from('transfer-encodingchunked', 'latin1');
const CODING_NAME = 17;

/** A line behind the others, which only goes on in HTTP/1.1. */
function addLine(fields: FieldSection, head: Head, text: Buffer, nameLength: number, known: number): void {
  const start = fields.end;
  fields.append(text, 0, nameLength, nameLength, text.length, KNOWN_BASE + known);
  const { end } = fields;
  fields.reserve(end, 2);
  const { bytes } = fields;
  bytes[end] = 13;
  bytes[end + 1] = 10;
  head.bytes = bytes;
  head.add(start, start + nameLength, start + nameLength + 2, end - 2, end, known);
  head.length = end + 2;
}

const KEY_NAME = 17;

/** A tunnel in HTTP/1.1 begins with a handshake, which the client of HTTP/2 leaves out (RFC 8441 §5): a key for it, should the upstream want one. */
export function addHandshakeKey(fields: FieldSection, head: Head, ids: IdSource): void {
  const nonce = Buffer.alloc(16);
  ids.writeHex(nonce, 0, 2);
  addLine(fields, head, Buffer.from(`sec-websocket-key${nonce.toString('base64')}`, 'latin1'), KEY_NAME, Known.Other);
}

/** A tunnel to who `:authority` names (RFC 9113 §8.5). It has no body, and has not ended. */
function readConnect(
  fields: FieldSection, from: number, method: number, authority: number, endStream: boolean, head: Head, framing: Framing,
): number {
  if (fields.count - from > MAX_HEADERS) return SectionError.TooLarge;
  if (endStream || readLines(fields, from, head, 0) !== -1) return SectionError.Malformed;
  head.methodStart = fields.valueStart(method);
  head.methodEnd = fields.valueEnd(method);
  head.targetStart = fields.valueStart(authority);
  head.targetEnd = framing.pathStart = framing.pathEnd = fields.valueEnd(authority);
  framing.body = Body.None;
  framing.length = -1;
  framing.upgrade = framing.connect = true;
  framing.https = false;
  const wrong = readAuthority(fields, authority, head, framing);
  if (wrong !== Refuse.Nothing) return wrong;
  return endsInPort(fields.bytes, head.targetStart, head.targetEnd) ? Refuse.Nothing : Refuse.BadHost;
}

function readMethod(fields: FieldSection, i: number, framing: Framing): boolean {
  const { bytes } = fields;
  const start = fields.valueStart(i), end = fields.valueEnd(i);
  if (start === end) return false;
  for (let k = start; k < end; k++) if (TOKEN[bytes[k]] !== 1) return false;
  framing.isHead = framing.idempotent = framing.connect = false;
  framing.close = framing.absolute = framing.hasListed = false;
  switch (end - start) {
    case 3: framing.idempotent = isExactly(bytes, start, 'GET') || isExactly(bytes, start, 'PUT'); break;
    case 4: framing.isHead = framing.idempotent = isExactly(bytes, start, 'HEAD'); break;
    case 5: framing.idempotent = isExactly(bytes, start, 'TRACE'); break;
    case 6: framing.idempotent = isExactly(bytes, start, 'DELETE'); break;
    case 7: framing.idempotent = isExactly(bytes, start, 'OPTIONS'); break;
    default: break;
  }
  return true;
}

function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  return end - start === text.length && isExactly(bytes, start, text);
}

function isExactly(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Origin-form, or `*` for OPTIONS (RFC 9113 §8.3.1); any other form would be read as another one in HTTP/1.1. */
function readPath(fields: FieldSection, i: number, method: number, head: Head, framing: Framing): number {
  const { bytes } = fields;
  const start = fields.valueStart(i), end = fields.valueEnd(i);
  head.targetStart = framing.pathStart = start;
  head.targetEnd = framing.pathEnd = end;
  if (start === end) return SectionError.Malformed;
  if (bytes[start] !== 47) {
    const isAsterisk = bytes[start] === 42 && end - start === 1;
    return isAsterisk && isText(bytes, fields.valueStart(method), fields.valueEnd(method), 'OPTIONS') ? Refuse.Nothing : SectionError.Malformed;
  }
  if (end - start > MAX_TARGET) return SectionError.TargetTooLong;
  for (let k = start; k < end; k++) if (TARGET[bytes[k]] !== 1) return SectionError.Malformed;
  return Refuse.Nothing;
}

/** `:authority`, or Host where there is none. Both say the same, and Host once (RFC 9113 §8.3.1). */
function readAuthority(fields: FieldSection, i: number, head: Head, framing: Framing): number {
  const { bytes } = fields;
  const host = head.indexOf(Known.Host);
  if (host >= 0 && head.indexOf(Known.Host, host + 1) >= 0) return SectionError.Malformed;
  const start = i >= 0 ? fields.valueStart(i) : host >= 0 ? head.valueStart(host) : 0;
  const end = i >= 0 ? fields.valueEnd(i) : host >= 0 ? head.valueEnd(host) : 0;
  framing.authorityStart = start;
  framing.authorityEnd = end;
  if (i >= 0 && host >= 0 && !sameText(bytes, start, end, head.valueStart(host), head.valueEnd(host))) return SectionError.Malformed;
  return isAuthority(bytes, start, end) ? Refuse.Nothing : Refuse.BadHost;
}

function sameText(bytes: Buffer, start: number, end: number, from: number, to: number): boolean {
  if (end - start !== to - from) return false;
  for (let i = start, k = from; i < end; i++, k++) {
    const a = bytes[i], b = bytes[k];
    if (a !== b && ((a | 32) !== (b | 32) || (a | 32) < 97 || (a | 32) > 122)) return false;
  }
  return true;
}

function hasCrumbs(fields: FieldSection, from: number): boolean {
  let cookies = 0;
  for (let i = from; i < fields.count; i++) if (fields.known[i] === Static.Cookie && ++cookies > 1) return true;
  return false;
}

/** Crumbs of a cookie become one line again (RFC 9113 §8.2.3), the last of the head. */
function joinCookies(fields: FieldSection, from: number): void {
  const { count } = fields;
  if (from === count) return;
  const crumbs: Buffer[] = [];
  const lines = Buffer.from(fields.bytes.subarray(fields.nameStart(from), fields.end));
  const start = fields.nameStart(from);
  const kept: [nameStart: number, nameEnd: number, valueEnd: number, known: number][] = [];
  for (let i = from; i < count; i++) {
    if (fields.known[i] === Static.Cookie) crumbs.push(lines.subarray(fields.valueStart(i) - start, fields.valueEnd(i) - start));
    else kept.push([fields.nameStart(i) - start, fields.nameEnd(i) - start, fields.valueEnd(i) - start, fields.known[i]]);
  }
  fields.truncate(from);
  const { size } = fields;
  for (const [nameStart, nameEnd, valueEnd, known] of kept) fields.append(lines, nameStart, nameEnd, nameEnd + 2, valueEnd, known);
  if (crumbs.length > 0) {
    const joined = Buffer.concat([Buffer.from('cookie: ', 'latin1'), ...crumbs.flatMap((crumb, i) => (i === 0 ? [crumb] : [Buffer.from('; ', 'latin1'), crumb]))]);
    fields.append(joined, 0, 6, 8, joined.length, Static.Cookie);
  }
  // What the peer sent counts, not what became of it.
  fields.size = size;
}
