import type { HeaderMutation } from '../config/types';
import { copyBytes, equalsIgnoreCase, writeLatin1 } from './bytes';
import type { Framing } from './framing';
import { Known, MAX_HEADERS, type Head } from './head';
import { isTraceparent, type IdSource } from './ids';

/** What the connection and the listener say about a request that is forwarded. */
export interface ForwardingRules {
  readonly ids: IdSource;
  readonly generateRequestId: boolean;
  /** A client's own x-request-id is not kept. */
  readonly replaceRequestId: boolean;
  /** Appended to x-forwarded-for; empty: nothing is. */
  readonly forwardedFor: string;
  /** x-forwarded-proto says how this connection was made, whatever the client says; else only where it says nothing. */
  readonly overwriteForwardedProto: boolean;
  /** The client's connection is one of TLS. */
  readonly secure: boolean;
  /** Host for an HTTP/1.0 request that came without. */
  readonly fallbackHost: string;
}

/** Where things stand in the composed head: for logs, without a string before one is asked for. */
export class ForwardedIds {
  requestIdStart = 0;
  requestIdEnd = 0;
  traceparentStart = 0;
  /** End of the whole head. */
  end = 0;
}

/*
 * What becomes of each header line is decided here, whatever version the message goes on in; `http2/forward` writes the same decisions as a header block.
 * Planned, written and forgotten within one call, so all messages share these.
 */

/** Lines that do not go on as they are. */
export const drop = new Uint8Array(MAX_HEADERS);

/** What else `planRequest` and `planResponse` found; -1: no such line, or none that goes on. */
export const plan = {
  hostLine: -1, idLine: -1, traceLine: -1, forLine: -1, protoLine: -1, writesTrace: true, continuesTrace: false, hasServer: false, hasDate: false,
};

/** Whether a mutation may not touch it: framing, routing and the connection have their own rules. */
function isStructural(known: number): boolean {
  return known === Known.Host || known === Known.ContentLength || known === Known.TransferEncoding || known === Known.Connection
    || known === Known.Upgrade;
}

/** Names of the lines that are written without being asked for. */
const OURS = ['x-request-id', 'traceparent', 'x-forwarded-for', 'x-forwarded-proto', 'server', 'date'] as const;
const OURS_NONE = 0, OURS_ID = 1, OURS_TRACE = 2, OURS_FOR = 4, OURS_PROTO = 8, OURS_SERVER = 16, OURS_DATE = 32;
const oursOf = new WeakMap<HeaderMutation, number>();
/** A line that is not there, and that nobody writes. */
const UNWANTED = MAX_HEADERS;

/** Which of our lines a mutation sets or removes: they are its business then, or there would be two. */
function takenOver(mutation: HeaderMutation | undefined): number {
  if (mutation === undefined) return OURS_NONE;
  let ours = oursOf.get(mutation);
  if (ours === undefined) {
    const names = new Set([...mutation.remove, ...mutation.set.map(({ name }) => name)].map((name) => name.toLowerCase()));
    ours = OURS.reduce((bits, name, at) => (names.has(name) ? bits | (1 << at) : bits), OURS_NONE);
    oursOf.set(mutation, ours);
  }
  return ours;
}

function markMutated(head: Head, mutation: HeaderMutation): void {
  const { remove, set } = mutation;
  for (let i = 0; i < head.count; i++) {
    if (drop[i] === 1 || isStructural(head.known[i])) continue;
    for (let k = 0; k < remove.length && drop[i] === 0; k++) if (head.isName(i, remove[k])) drop[i] = 1;
    for (let k = 0; k < set.length && drop[i] === 0; k++) if (head.isName(i, set[k].name)) drop[i] = 1;
  }
}

function writeMutated(to: Buffer, at: number, mutation: HeaderMutation): number {
  for (const { name, value } of mutation.set) at = writeHeader(to, at, name, value);
  for (const { name, value } of mutation.append) at = writeHeader(to, at, name, value);
  return at;
}

export function writeHeader(to: Buffer, at: number, name: string, value: string): number {
  at = writeLatin1(to, at, name);
  to[at++] = 58;
  to[at++] = 32;
  at = writeLatin1(to, at, value);
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

function sizeOfMutation(mutation: HeaderMutation | undefined): number {
  if (mutation === undefined) return 0;
  let size = 0;
  for (const { name, value } of mutation.set) size += name.length + value.length + 4;
  for (const { name, value } of mutation.append) size += name.length + value.length + 4;
  return size;
}

/** An upper bound of what `forwardRequest` writes. */
export function forwardedRequestSize(
  head: Head, rules: ForwardingRules, path: string | undefined, host: string | undefined, mutation: HeaderMutation | undefined,
): number {
  return head.length + 512 + rules.forwardedFor.length + rules.fallbackHost.length + (path?.length ?? 0) + (host?.length ?? 0)
    + sizeOfMutation(mutation)
    // An authority that came in the target is written as Host, too.
    + (head.targetEnd - head.targetStart);
}

/** Decides what becomes of the lines of a request that is forwarded. */
export function planRequest(head: Head, framing: Framing, rules: ForwardingRules, mutation: HeaderMutation | undefined): void {
  const { bytes, base, count, known } = head;
  for (let i = 0; i < count; i++) drop[i] = 0;
  if (mutation !== undefined) markMutated(head, mutation);
  let hostLine = -1, idLine = -1, traceLine = -1, forLine = -1, protoLine = -1;
  let traces = 0;
  for (let i = 0; i < count; i++) {
    switch (known[i]) {
      case Known.Other: case Known.ContentLength: case Known.TransferEncoding: case Known.Expect: case Known.UserAgent:
        break;
      case Known.Host:
        hostLine = i;
        break;
      case Known.Connection: case Known.ProxyConnection: case Known.KeepAlive: case Known.Te:
        drop[i] = 1;
        break;
      case Known.Upgrade:
        if (!framing.upgrade) drop[i] = 1;
        break;
      case Known.RequestId:
        if (drop[i] === 1) break;
        if (rules.replaceRequestId || idLine >= 0 || head.valueStart(i) === head.valueEnd(i)) drop[i] = 1;
        else idLine = i;
        break;
      case Known.Traceparent:
        if (traces++ === 0) traceLine = i;
        drop[i] = 1;
        break;
      case Known.ForwardedFor:
        if (drop[i] === 0) forLine = i;
        break;
      case Known.ForwardedClientCert:
        // forward_client_cert_details SANITIZE: who somebody is, is not what he says of himself.
        drop[i] = 1;
        break;
      case Known.ForwardedProto:
        if (rules.overwriteForwardedProto) drop[i] = 1;
        else if (drop[i] === 0) protoLine = i;
        break;
    }
    if (framing.hasListed && framing.listed[i] === 1) drop[i] = 1;
  }
  const continued = traces === 1 && isTraceparent(bytes, base + head.valueStart(traceLine), head.valueEnd(traceLine) - head.valueStart(traceLine));
  const taken = takenOver(mutation);
  plan.hostLine = hostLine;
  plan.idLine = (taken & OURS_ID) === 0 ? idLine : UNWANTED;
  plan.traceLine = traceLine;
  plan.forLine = (taken & OURS_FOR) === 0 ? forLine : UNWANTED;
  plan.protoLine = (taken & OURS_PROTO) === 0 ? protoLine : UNWANTED;
  plan.writesTrace = (taken & OURS_TRACE) === 0;
  plan.continuesTrace = continued;
}

/**
 * Writes the head that goes upstream: always HTTP/1.1 and origin-form; the client's header lines untouched and in order, without what concerned
 * its connection only; then ours. Returns the end.
 */
export function forwardRequest(
  head: Head, framing: Framing, to: Buffer, rules: ForwardingRules, ids: ForwardedIds,
  path: string | undefined, host: string | undefined, mutation: HeaderMutation | undefined,
): number {
  const { bytes, base, count, known } = head;
  let at = copyBytes(bytes, base + head.methodStart, base + head.methodEnd, to, 0);
  to[at++] = 32;
  if (path !== undefined) {
    at = writeLatin1(to, at, path);
  } else {
    // `http://host` and `http://host?query` have an empty path: `/`, and for OPTIONS without a query `*` (RFC 9112 §3.2.4).
    if (framing.pathStart === framing.pathEnd && isOptions(head)) to[at++] = 42;
    else if (framing.pathStart === framing.pathEnd || bytes[base + framing.pathStart] === 63) to[at++] = 47;
    at = copyBytes(bytes, base + framing.pathStart, base + framing.pathEnd, to, at);
  }
  at = writeLatin1(to, at, ' HTTP/1.1\r\n');

  planRequest(head, framing, rules, mutation);
  const { hostLine, idLine, traceLine, forLine, protoLine, continuesTrace: continued } = plan;
  // RFC 9112 §3.2.2: Host says what the target's authority said.
  const rewriteHost = host !== undefined || framing.absolute;
  const appendFor = rules.forwardedFor !== '' && forLine >= 0;
  let from = head.linesStart;
  if (hostLine < 0) at = writeHost(head, framing, to, at, host, rules.fallbackHost);
  for (let i = 0; i < count; i++) {
    const kind = known[i];
    const replaced = (kind === Known.Host && rewriteHost) || (appendFor && i === forLine) || (kind === Known.Tracestate && !continued);
    if (drop[i] === 0 && !replaced) continue;
    const line = head.nameStart(i);
    if (line > from) at = copyBytes(bytes, base + from, base + line, to, at);
    from = head.lineEnd(i);
    if (drop[i] === 1) continue;
    if (kind === Known.Host) {
      at = writeHost(head, framing, to, at, host, rules.fallbackHost);
    } else if (kind === Known.ForwardedFor) {
      at = copyBytes(bytes, base + line, base + head.valueEnd(i), to, at);
      to[at++] = 44;
      at = writeLatin1(to, at, rules.forwardedFor);
      to[at++] = 13;
      to[at++] = 10;
    }
  }
  const end = head.length - 2;
  if (end > from) at = copyBytes(bytes, base + from, base + end, to, at);

  if (framing.upgrade) at = writeLatin1(to, at, 'connection: upgrade\r\n');
  if (rules.forwardedFor !== '' && forLine < 0) at = writeHeader(to, at, 'x-forwarded-for', rules.forwardedFor);
  // The scheme of an absolute target is as much the client's word as the header is.
  const https = rules.secure || (framing.https && !rules.overwriteForwardedProto);
  if (protoLine < 0) at = writeLatin1(to, at, https ? 'x-forwarded-proto: https\r\n' : 'x-forwarded-proto: http\r\n');
  if (idLine < 0 && rules.generateRequestId) {
    at = writeLatin1(to, at, 'x-request-id: ');
    ids.requestIdStart = at;
    at = rules.ids.writeUuid(to, at);
    ids.requestIdEnd = at;
    to[at++] = 13;
    to[at++] = 10;
  } else {
    ids.requestIdStart = ids.requestIdEnd = 0;
  }
  if (plan.writesTrace) {
    at = writeLatin1(to, at, 'traceparent: ');
    ids.traceparentStart = at;
    at = writeTraceparent(head, traceLine, continued, rules.ids, to, at);
    to[at++] = 13;
    to[at++] = 10;
  } else {
    ids.traceparentStart = 0;
  }
  if (mutation !== undefined) at = writeMutated(to, at, mutation);
  to[at++] = 13;
  to[at++] = 10;
  ids.end = at;
  return at;
}

function isOptions(head: Head): boolean {
  return equalsIgnoreCase(head.bytes, head.base + head.methodStart, head.base + head.methodEnd, 'options');
}

function writeHost(head: Head, framing: Framing, to: Buffer, at: number, host: string | undefined, fallback: string): number {
  at = writeLatin1(to, at, 'host: ');
  if (host !== undefined) at = writeLatin1(to, at, host);
  else if (framing.authorityEnd > 0) at = copyBytes(head.bytes, head.base + framing.authorityStart, head.base + framing.authorityEnd, to, at);
  else at = writeLatin1(to, at, fallback);
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

/** 55 bytes: the same trace, a span of ours; or a new trace, which nobody has decided to sample. */
export function writeTraceparent(head: Head, line: number, continued: boolean, ids: IdSource, to: Buffer, at: number): number {
  if (continued) {
    const value = head.base + head.valueStart(line);
    to[at++] = 48;
    to[at++] = 48;
    at = copyBytes(head.bytes, value + 2, value + 36, to, at);
    at = ids.writeHex(to, at, 2);
    at = copyBytes(head.bytes, value + 52, value + 55, to, at);
  } else {
    at = writeLatin1(to, at, '00-');
    at = ids.writeHex(to, at, 4);
    to[at++] = 45;
    at = ids.writeHex(to, at, 2);
    at = writeLatin1(to, at, '-00');
  }
  return at;
}

/** How an answer's head is changed on its way to the client. */
export interface ResponseRules {
  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append_if_absent' | 'pass_through';
}

/** What this answer needs beside: set by the router for each. */
export interface ResponseEdits {
  readonly mutation: HeaderMutation | undefined;
  /** Name, value, name, value … of filters and hash policies. */
  readonly added: readonly string[];
  /** Say `connection: close`. */
  readonly close: boolean;
  /** The upstream's body ends with its connection and goes on in chunks. */
  readonly toChunked: boolean;
  /** The client knows no chunks: drop transfer-encoding. */
  readonly dropCoding: boolean;
  /** Fields, in lower case, that a filter of bodies takes away. */
  readonly dropped?: readonly string[];
  /** IMF-fixdate of now, for answers without a date (RFC 9110 §6.6.1). */
  date(): string;
}

/** Decides what becomes of the lines of an answer that is passed on. Informational answers (1xx) are not changed. */
export function planResponse(head: Head, framing: Framing, rules: ResponseRules, edits: ResponseEdits): void {
  const { count, known, status } = head;
  const interim = status < 200;
  const { mutation } = edits;
  for (let i = 0; i < count; i++) drop[i] = 0;
  if (mutation !== undefined && !interim) markMutated(head, mutation);
  if (edits.dropped !== undefined) for (let i = 0; i < count; i++) if (edits.dropped.some((name) => head.isName(i, name))) drop[i] = 1;
  let hasServer = false, hasDate = false;
  for (let i = 0; i < count; i++) {
    switch (known[i]) {
      case Known.Connection: case Known.ProxyConnection: case Known.KeepAlive: case Known.Te:
        drop[i] = 1;
        break;
      case Known.Upgrade:
        if (!framing.upgrade) drop[i] = 1;
        break;
      case Known.TransferEncoding:
        if (edits.dropCoding) drop[i] = 1;
        break;
      case Known.ContentLength:
        // RFC 9110 §8.6: not even 0.
        if (status === 204) drop[i] = 1;
        break;
      case Known.Server:
        if (rules.serverHeader === 'overwrite' && !interim) drop[i] = 1;
        else hasServer = true;
        break;
      case Known.Date:
        hasDate = true;
        break;
    }
    if (framing.hasListed && framing.listed[i] === 1) drop[i] = 1;
  }
  const taken = interim ? OURS_NONE : takenOver(mutation);
  plan.hasServer = hasServer || (taken & OURS_SERVER) !== 0;
  plan.hasDate = hasDate || (taken & OURS_DATE) !== 0;
}

/** Writes the head that goes to the client; as `forwardRequest`. Informational answers (1xx) get nothing added. Returns the end. */
export function forwardResponse(head: Head, framing: Framing, to: Buffer, rules: ResponseRules, edits: ResponseEdits): number {
  const { bytes, base, count, status } = head;
  let at = writeLatin1(to, 0, 'HTTP/1.1');
  at = copyBytes(bytes, base + 8, base + head.linesStart, to, at);
  planResponse(head, framing, rules, edits);
  const interim = status < 200;
  const { mutation } = edits;
  let from = head.linesStart;
  for (let i = 0; i < count; i++) {
    if (drop[i] === 0) continue;
    const line = head.nameStart(i);
    if (line > from) at = copyBytes(bytes, base + from, base + line, to, at);
    from = head.lineEnd(i);
  }
  const end = head.length - 2;
  if (end > from) at = copyBytes(bytes, base + from, base + end, to, at);
  if (framing.upgrade) at = writeLatin1(to, at, 'connection: upgrade\r\n');
  if (!interim) {
    if (!plan.hasDate) at = writeHeader(to, at, 'date', edits.date());
    if (!plan.hasServer && rules.serverHeader !== 'pass_through') at = writeHeader(to, at, 'server', rules.serverName);
    if (edits.toChunked) at = writeLatin1(to, at, 'transfer-encoding: chunked\r\n');
    if (edits.close) at = writeLatin1(to, at, 'connection: close\r\n');
    const { added } = edits;
    for (let i = 0; i < added.length; i += 2) at = writeHeader(to, at, added[i], added[i + 1]);
    if (mutation !== undefined) at = writeMutated(to, at, mutation);
  }
  to[at++] = 13;
  to[at++] = 10;
  return at;
}

/** Bytes that `forwardResponse` may add to a head. */
export function responseAdditions(rules: ResponseRules, edits: ResponseEdits): number {
  let size = 256 + rules.serverName.length + sizeOfMutation(edits.mutation);
  for (const text of edits.added) size += text.length + 2;
  return size;
}
