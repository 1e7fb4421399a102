import type { HeaderMutation } from '../config/types';
import { LF, copyBytes, writeLatin1 } from '../http1/bytes';
import {
  drop, plan, planRequest, planResponse, writeTraceparent, type ForwardedIds, type ForwardingRules, type ResponseEdits, type ResponseRules,
} from '../http1/forward';
import type { Framing } from '../http1/framing';
import { Known, type Head } from '../http1/head';
import {
  FIELD_OVERHEAD, TE_TRAILERS, literalName, writeField, writeIndexed, writeInteger, writeLiteral, writeMethod, writeNamed, writeStatus,
  writeTextField, writeTextValue,
} from './hpack/encoder';
import { KNOWN_BASE, type FieldSection } from './hpack/field-section';
import { Static } from './hpack/static-table';

/*
 * Messages that go on in HTTP/2: the same decisions about each line as in HTTP/1.1 (`http1/forward`), written as header blocks. A block uses no table, so
 * a field that came in a form without one goes on as the bytes that it came in, Huffman coded or not.
 */

const FORWARDED_FOR = literalName('x-forwarded-for');
const FORWARDED_PROTO = ['\u0004http', '\u0005https'].map((value) => Buffer.concat([literalName('x-forwarded-proto'), Buffer.from(value, 'latin1')]));
const REQUEST_ID = Buffer.concat([literalName('x-request-id'), Buffer.from([36])]);
const TRACEPARENT = Buffer.concat([literalName('traceparent'), Buffer.from([55])]);
const CONNECT = Buffer.from([Static.Method, 7, ...Buffer.from('CONNECT')]);
const WEBSOCKET = Buffer.concat([literalName(':protocol'), Buffer.from([9]), Buffer.from('websocket')]);
const SCHEME_HTTP = 6;
const SCHEME_HTTPS = 7;

/** Bytes of a block beside those of a head of HTTP/1.1 that says the same, at most. */
export function blockOverhead(head: Head): number {
  return head.count * FIELD_OVERHEAD + 256;
}

function put(piece: Buffer, to: Buffer, at: number): number {
  return copyBytes(piece, 0, piece.length, to, at);
}

const encodedMutations = new WeakMap<HeaderMutation, Buffer>();

/** What a mutation sets and appends; it is the same for every message. */
function writeMutation(to: Buffer, at: number, mutation: HeaderMutation): number {
  let encoded = encodedMutations.get(mutation);
  if (encoded === undefined) {
    const fields = [...mutation.set, ...mutation.append];
    const room = Buffer.alloc(fields.reduce((sum, { name, value }) => sum + 2 * name.length + value.length + 40, 0));
    let end = 0;
    for (const { name, value } of fields) end = writeTextField(room, end, name, value);
    encodedMutations.set(mutation, encoded = Buffer.from(room.subarray(0, end)));
  }
  return put(encoded, to, at);
}

/** A line that has to be encoded. `name`: what the section knows it as, where it came from one: then it is in lower case. */
function writeLine(to: Buffer, at: number, head: Head, i: number, name: number): number {
  const { bytes, base } = head;
  const valueStart = base + head.valueStart(i), valueEnd = base + head.valueEnd(i);
  if (name < 0) return writeField(to, at, bytes, base + head.nameStart(i), base + head.nameEnd(i), valueStart, valueEnd);
  if (name > 0 && name < KNOWN_BASE) return writeNamed(to, at, name, bytes, valueStart, valueEnd);
  return writeLiteral(to, at, bytes, base + head.nameStart(i), base + head.nameEnd(i), valueStart, valueEnd);
}

/** The line that names the key of a handshake that HTTP/2 does without (RFC 8441 §5). */
function isHandshake(head: Head, i: number): boolean {
  return head.known[i] === Known.Other && (head.isName(i, 'sec-websocket-key') || head.isName(i, 'sec-websocket-accept'));
}

/**
 * Writes the block that goes upstream; as `forwardRequest` of HTTP/1.1, of a request of either version. `section`: the fields that `head` stands in, while
 * their block is still at hand. Returns the end.
 */
export function forwardRequestBlock(
  head: Head, framing: Framing, to: Buffer, rules: ForwardingRules, ids: ForwardedIds, path: string | undefined, host: string | undefined,
  mutation: HeaderMutation | undefined, section: FieldSection | undefined, secure: boolean,
): number {
  const { bytes, base, count, known } = head;
  planRequest(head, framing, rules, mutation);
  const { forLine, continuesTrace } = plan;
  let at = framing.upgrade ? put(WEBSOCKET, to, put(CONNECT, to, 0)) : writeMethod(to, 0, bytes, base + head.methodStart, base + head.methodEnd);
  at = writeIndexed(to, at, secure ? SCHEME_HTTPS : SCHEME_HTTP);
  at = writeAuthority(to, at, head, framing, host, rules.fallbackHost);
  at = writePath(to, at, head, framing, path);
  const first = section === undefined ? 0 : section.count - count;
  let runStart = 0, runEnd = 0;
  for (let i = 0; i < count; i++) {
    const kind = known[i];
    if (drop[i] === 1 || kind === Known.Host || kind === Known.Upgrade || kind === Known.TransferEncoding) continue;
    if ((kind === Known.Tracestate && !continuesTrace) || (framing.upgrade && isHandshake(head, i))) continue;
    const appends = i === forLine && rules.forwardedFor !== '';
    if (section !== undefined && !appends) {
      const rawStart = section.rawStart(first + i);
      if (rawStart >= 0) {
        if (rawStart !== runEnd) {
          if (runEnd > runStart) at = copyBytes(section.raw, runStart, runEnd, to, at);
          runStart = rawStart;
        }
        runEnd = section.rawEnd(first + i);
        continue;
      }
      if (runEnd > runStart) at = copyBytes(section.raw, runStart, runEnd, to, at);
      runStart = runEnd = 0;
    } else if (runEnd > runStart) {
      at = copyBytes(section!.raw, runStart, runEnd, to, at);
      runStart = runEnd = 0;
    }
    if (appends) {
      const length = head.valueEnd(i) - head.valueStart(i);
      at = put(FORWARDED_FOR, to, at);
      at = writeInteger(to, at, length + 1 + rules.forwardedFor.length, 0x7f, 0);
      at = copyBytes(bytes, base + head.valueStart(i), base + head.valueEnd(i), to, at);
      to[at++] = 44;
      at = writeLatin1(to, at, rules.forwardedFor);
    } else {
      at = writeLine(to, at, head, i, section === undefined ? -1 : section.known[first + i]);
    }
  }
  if (runEnd > runStart) at = copyBytes(section!.raw, runStart, runEnd, to, at);

  at = put(TE_TRAILERS, to, at);
  if (rules.forwardedFor !== '' && forLine < 0) at = writeTextValue(to, put(FORWARDED_FOR, to, at), rules.forwardedFor);
  if (plan.protoLine < 0) at = put(FORWARDED_PROTO[rules.secure || (framing.https && !rules.overwriteForwardedProto) ? 1 : 0], to, at);
  if (plan.idLine < 0 && rules.generateRequestId) {
    at = put(REQUEST_ID, to, at);
    ids.requestIdStart = at;
    at = ids.requestIdEnd = rules.ids.writeUuid(to, at);
  } else {
    ids.requestIdStart = ids.requestIdEnd = 0;
  }
  ids.traceparentStart = 0;
  if (plan.writesTrace) {
    at = put(TRACEPARENT, to, at);
    ids.traceparentStart = at;
    at = writeTraceparent(head, plan.traceLine, continuesTrace, rules.ids, to, at);
  }
  if (mutation !== undefined) at = writeMutation(to, at, mutation);
  ids.end = at;
  return at;
}

function writeAuthority(to: Buffer, at: number, head: Head, framing: Framing, host: string | undefined, fallback: string): number {
  if (host === undefined && framing.authorityEnd > 0) {
    return writeNamed(to, at, Static.Authority, head.bytes, head.base + framing.authorityStart, head.base + framing.authorityEnd);
  }
  to[at++] = Static.Authority;
  return writeTextValue(to, at, host ?? fallback);
}

/** Origin-form: `/` where the client's absolute-form has no path, `*` for OPTIONS then (RFC 9112 §3.2.4). */
function writePath(to: Buffer, at: number, head: Head, framing: Framing, path: string | undefined): number {
  if (path !== undefined) {
    to[at++] = Static.Path;
    return writeTextValue(to, at, path);
  }
  const start = head.base + framing.pathStart, end = head.base + framing.pathEnd;
  const isEmpty = start === end;
  if (!isEmpty && head.bytes[start] !== 63) return writeNamed(to, at, Static.Path, head.bytes, start, end);
  to[at++] = Static.Path;
  at = writeInteger(to, at, end - start + 1, 0x7f, 0);
  to[at++] = isEmpty && head.text(head.methodStart, head.methodEnd) === 'OPTIONS' ? 42 : 47;
  return copyBytes(head.bytes, start, end, to, at);
}

// `date` and `server` of answers that have none: the same for a second, or for ever.
let lastDate = '', lastServer = '';
let dateField: Buffer = Buffer.alloc(0), serverField: Buffer = dateField;

function textField(name: string, value: string): Buffer {
  const room = Buffer.alloc(2 * name.length + value.length + 40);
  return Buffer.from(room.subarray(0, writeTextField(room, 0, name, value)));
}

function writeDate(to: Buffer, at: number, date: string): number {
  if (date !== lastDate) {
    lastDate = date;
    dateField = textField('date', date);
  }
  return put(dateField, to, at);
}

function writeServer(to: Buffer, at: number, server: string): number {
  if (server !== lastServer) {
    lastServer = server;
    serverField = textField('server', server);
  }
  return put(serverField, to, at);
}

/** Writes the block that goes to the client, from `at` on; as `forwardResponse` of HTTP/1.1, of an answer of either version. Returns the end. */
export function forwardResponseBlock(
  head: Head, framing: Framing, to: Buffer, at: number, rules: ResponseRules, edits: ResponseEdits, section: FieldSection | undefined,
): number {
  const { count, known, status } = head;
  planResponse(head, framing, rules, edits);
  // RFC 8441 §5: a tunnel that is granted is 200.
  at = writeStatus(to, at, status === 101 ? 200 : status);
  const first = section === undefined ? 0 : section.count - count;
  let runStart = 0, runEnd = 0;
  for (let i = 0; i < count; i++) {
    const kind = known[i];
    if (drop[i] === 1 || kind === Known.TransferEncoding || kind === Known.Upgrade) continue;
    if (status === 101 && isHandshake(head, i)) continue;
    if (section === undefined) {
      at = writeLine(to, at, head, i, -1);
      continue;
    }
    const rawStart = section.rawStart(first + i);
    if (rawStart < 0 || rawStart !== runEnd) {
      if (runEnd > runStart) at = copyBytes(section.raw, runStart, runEnd, to, at);
      runStart = runEnd = 0;
    }
    if (rawStart < 0) {
      at = writeLine(to, at, head, i, section.known[first + i]);
      continue;
    }
    if (runEnd === 0) runStart = rawStart;
    runEnd = section.rawEnd(first + i);
  }
  if (runEnd > runStart) at = copyBytes(section!.raw, runStart, runEnd, to, at);
  if (status < 200 && status !== 101) return at;
  if (!plan.hasDate) at = writeDate(to, at, edits.date());
  if (!plan.hasServer && rules.serverHeader !== 'pass_through') at = writeServer(to, at, rules.serverName);
  const { added, mutation } = edits;
  for (let i = 0; i < added.length; i += 2) at = writeTextField(to, at, added[i], added[i + 1]);
  if (mutation !== undefined) at = writeMutation(to, at, mutation);
  return at;
}

/** The block of a head that the proxy made itself. */
export function writeReplyBlock(head: Head, to: Buffer, at: number): number {
  at = writeStatus(to, at, head.status);
  for (let i = 0; i < head.count; i++) {
    const kind = head.known[i];
    if (kind !== Known.Connection && kind !== Known.Upgrade && kind !== Known.TransferEncoding) at = writeLine(to, at, head, i, -1);
  }
  return at;
}

/** The block of trailers that came in HTTP/2. */
export function trailerBlockOf(section: FieldSection): Buffer {
  const { bytes, count } = section;
  const to = Buffer.allocUnsafe(section.end + count * FIELD_OVERHEAD);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const rawStart = section.rawStart(i), name = section.known[i];
    const valueStart = section.valueStart(i), valueEnd = section.valueEnd(i);
    if (rawStart >= 0) at = copyBytes(section.raw, rawStart, section.rawEnd(i), to, at);
    else if (name > 0 && name < KNOWN_BASE) at = writeNamed(to, at, name, bytes, valueStart, valueEnd);
    else at = writeLiteral(to, at, bytes, section.nameStart(i), section.nameEnd(i), valueStart, valueEnd);
  }
  return to.subarray(0, at);
}

/** The block of trailers that came in chunks: lines of `name: value`, and an empty one. */
export function trailerBlockOfLines(lines: Buffer): Buffer {
  const to = Buffer.allocUnsafeSlow(lines.length * 4 + 64);
  let at = 0;
  for (let i = 0; i < lines.length;) {
    const lf = lines.indexOf(LF, i);
    const colon = lines.indexOf(58, i);
    if (lf < 0 || colon < 0 || colon > lf) break;
    let start = colon + 1, end = lf - 1;
    while (start < end && (lines[start] === 32 || lines[start] === 9)) start++;
    while (end > start && (lines[end - 1] === 32 || lines[end - 1] === 9)) end--;
    at = writeField(to, at, lines, i, colon, start, end);
    i = lf + 1;
  }
  return to.subarray(0, at);
}

/** The end of a chunked body of HTTP/1.1: the last chunk, and the trailers as they stand in `section`. Returns the end; there is room. */
export function writeLastChunk(section: FieldSection | undefined, to: Buffer, at: number): number {
  at = writeLatin1(to, at, '0\r\n');
  if (section !== undefined && section.count > 0) at = copyBytes(section.bytes, section.nameStart(0), section.end, to, at);
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

/** [start, end) of a body as a chunk of HTTP/1.1, none where it is empty; the last chunk behind it where nothing follows. Returns the end; there is room. */
export function writeChunk(bytes: Buffer, start: number, end: number, isLast: boolean, to: Buffer): number {
  let at = 0;
  if (end > start) {
    at = to.write(`${(end - start).toString(16)}\r\n`, 0, 'latin1');
    at = copyBytes(bytes, start, end, to, at);
    to[at++] = 13;
    to[at++] = 10;
  }
  return isLast ? writeLastChunk(undefined, to, at) : at;
}
