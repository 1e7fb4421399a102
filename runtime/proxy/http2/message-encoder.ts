import { COLON, LF } from '../http1/bytes';
import { Body, Framing, Refuse, readResponse } from '../http1/framing';
import { Head, Known } from '../http1/head';
import { FIELD_OVERHEAD, TE_TRAILERS, writeField, writeIndexed, writeMethod, writeNamed, writeStatus } from './hpack/encoder';
import { Static } from './hpack/static-table';

/*
 * HTTP/1.1 heads, as the engine composes them, as header blocks.
 */

/** Heads are read, encoded and forgotten within one call. */
export const head = new Head();
export const framing = new Framing();

/** Room that the block of a message of `length` bytes needs at most. */
export function blockSize(length: number, lines: number): number {
  return length + lines * FIELD_OVERHEAD + 256;
}

function isConnectionSpecific(known: number): boolean {
  return known === Known.Connection || known === Known.ProxyConnection || known === Known.KeepAlive || known === Known.Te || known === Known.Upgrade
    || known === Known.TransferEncoding;
}

function writeLines(to: Buffer, at: number, isRequest: boolean): number {
  const { bytes, base, count, known } = head;
  for (let i = 0; i < count; i++) {
    if (isConnectionSpecific(known[i]) || (isRequest && known[i] === Known.Host)) continue;
    at = writeField(to, at, bytes, base + head.nameStart(i), base + head.nameEnd(i), base + head.valueStart(i), base + head.valueEnd(i));
  }
  return at;
}

/** Reads the answer's head at `start`: its length, or 0 where it is none, which this side composed and cannot be. Fills `head` and `framing`. */
export function readAnswer(bytes: Buffer, start: number, end: number, toHead: boolean): number {
  const length = head.parseResponse(bytes, start, end);
  return length > 0 && readResponse(head, framing, toHead) === Refuse.Nothing ? length : 0;
}

/** As `readAnswer`, of a request that goes upstream: it is in origin-form and well framed. */
export function readForwarded(bytes: Buffer, start: number, end: number): number {
  const length = head.parseRequest(bytes, start, end);
  if (length <= 0) return 0;
  const coding = head.indexOf(Known.TransferEncoding), contentLength = head.indexOf(Known.ContentLength);
  framing.length = contentLength < 0 ? 0 : Number(head.value(contentLength));
  framing.body = coding >= 0 ? Body.Chunked : framing.length > 0 ? Body.Length : Body.None;
  framing.isHead = head.text(head.methodStart, head.methodEnd) === 'HEAD';
  return length;
}

/** The block of the answer in `head`. */
export function writeAnswerBlock(to: Buffer, at: number): number {
  return writeLines(to, writeStatus(to, at, head.status), false);
}

/** The block of the request in `head`. This side takes trailers, whatever its client does (RFC 9110 §10.1.4: TE is of each hop). */
export function writeRequestBlock(to: Buffer, at: number): number {
  const { bytes, base } = head;
  at = writeMethod(to, at, bytes, base + head.methodStart, base + head.methodEnd);
  at = writeIndexed(to, at, Static.Scheme);
  const host = head.indexOf(Known.Host);
  if (host >= 0) at = writeNamed(to, at, Static.Authority, bytes, base + head.valueStart(host), base + head.valueEnd(host));
  at = writeNamed(to, at, Static.Path, bytes, base + head.targetStart, base + head.targetEnd);
  at = writeLines(to, at, true);
  at += TE_TRAILERS.copy(to, at);
  return at;
}

/** The block of a trailer section: lines of `name: value`, and an empty one. */
export function trailerBlock(lines: Buffer): Buffer {
  const to = Buffer.allocUnsafeSlow(lines.length * 4 + 64);
  let at = 0;
  for (let i = 0; i < lines.length;) {
    const lf = lines.indexOf(LF, i);
    const colon = lines.indexOf(COLON, i);
    if (lf < 0 || colon < 0 || colon > lf) break;
    let start = colon + 1, end = lf - 1;
    while (start < end && (lines[start] === 32 || lines[start] === 9)) start++;
    while (end > start && (lines[end - 1] === 32 || lines[end - 1] === 9)) end--;
    at = writeField(to, at, lines, i, colon, start, end);
    i = lf + 1;
  }
  return to.subarray(0, at);
}
