import { parseDecimal } from '../http1/bytes';
import { FORBIDDEN_TRAILERS } from '../http1/chunked';
import { Body, type Framing } from '../http1/framing';
import { MAX_HEADERS, type Head } from '../http1/head';
import { KNOWN_BASE, PROTOCOL, type FieldSection } from './hpack/field-section';
import { Static } from './hpack/static-table';
import { readLines } from './request-head';

/** `HTTP/1.1 200 ` and CRLF, which end where the first line begins. */
const STATUS_LINE = 15;
const HTTP = Buffer.from('HTTP/1.1 ', 'latin1');
const NO_BODY = Buffer.from('content-length0', 'latin1');

/**
 * Reads an answer's header section: `head` is where its lines stand, `framing` its body: `None`, `Length`, or `Chunked` where only the stream says where it
 * ends. `forHttp1`: it has a status-line in front, too, and says of no body that there is none. False: it is malformed (RFC 9113 §8.1.1), or larger than
 * is taken.
 */
export function readResponseSection(
  fields: FieldSection, endStream: boolean, toHead: boolean, forHttp1: boolean, head: Head, framing: Framing,
): boolean {
  if (fields.malformed || fields.tooLarge || fields.count === 0 || fields.count - 1 >= MAX_HEADERS) return false;
  const start = fields.valueStart(0);
  if (fields.known[0] !== Static.Status || fields.valueEnd(0) - start !== 3) return false;
  const status = parseDecimal(fields.bytes, start, start + 3);
  // RFC 9113 §8.6: there is no 101.
  if (status < 100 || status === 101 || (status < 200 && endStream)) return false;
  const linesStart = fields.valueEnd(0) + 2;
  const base = linesStart - STATUS_LINE;
  const bodiless = toHead || status === 304 || status === 204 || status < 200;
  let length = readLines(fields, 1, head, base);
  if (length === -2 || (endStream && !bodiless && length > 0)) return false;
  if (forHttp1) {
    if (endStream && !bodiless && length < 0) {
      // In HTTP/1.1 a body is without end unless somebody says that there is none.
      fields.append(NO_BODY, 0, 14, 14, 15, Static.ContentLength);
      length = readLines(fields, 1, head, base);
    }
    const { bytes } = fields;
    HTTP.copy(bytes, base);
    bytes.copyWithin(base + HTTP.length, start, start + 3);
    bytes[base + 12] = 32;
  }
  head.linesStart = STATUS_LINE;
  head.status = status;
  framing.length = length;
  framing.body = bodiless || endStream ? Body.None : length >= 0 ? Body.Length : Body.Chunked;
  framing.close = framing.upgrade = framing.hasListed = false;
  return true;
}

/** Whether the section may follow a body: no pseudo-header, and nothing that frames, routes or says who sent it (RFC 9110 §6.5.1). */
export function areTrailers(fields: FieldSection): boolean {
  if (fields.malformed || fields.tooLarge || fields.count > MAX_HEADERS) return false;
  const { known, count } = fields;
  for (let i = 0; i < count; i++) {
    const name = known[i];
    if (name === PROTOCOL || (name > 0 && name <= Static.Status)) return false;
    if (isForbidden(fields, i, name)) return false;
  }
  return true;
}

function isForbidden(fields: FieldSection, i: number, name: number): boolean {
  if (name === 0) return fields.nameEnd(i) - fields.nameStart(i) === 7 && fields.name(i) === 'trailer';
  if (name >= KNOWN_BASE) return FORBIDDEN_TRAILERS.has(fields.name(i));
  return FORBIDDEN_STATIC[name] === 1;
}

const FORBIDDEN_STATIC = new Uint8Array(64);
for (const index of [
  Static.TransferEncoding, Static.ContentLength, Static.ContentEncoding, Static.Host, Static.Expect, Static.Authorization, Static.Cookie,
  Static.SetCookie,
]) FORBIDDEN_STATIC[index] = 1;
