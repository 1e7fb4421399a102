import { HTAB, SP, endsInPort, equalsIgnoreCase, isAuthority, latin1, parseDecimal } from './bytes';
import { Known, MAX_HEADERS, type Head } from './head';

/** How the end of a body is found (RFC 9112 §6.3). */
export const Body = {
  None: 0,
  Length: 1,
  Chunked: 2,
  /** Until the connection ends; responses only. */
  Close: 3,
} as const;

/** Why a request is refused before it is routed; `error.ts` says what each becomes. 0 accepts. */
export const Refuse = {
  Nothing: 0,
  BadFraming: 1,
  UnknownCoding: 2,
  BadHost: 3,
  BadTarget: 4,
  Connect: 5,
} as const;

/** What a head says about its message; filled by the functions below and used again for the next. */
export class Framing {
  body: number = Body.None;
  length = 0;
  /** The connection ends after this message. */
  close = false;
  /** Requests: the method is HEAD. */
  isHead = false;
  /** Methods that RFC 9110 §9.2.2 defines as idempotent. */
  idempotent = false;
  /** An upgrade to WebSocket is asked for (requests) or granted (responses). */
  upgrade = false;
  /** Requests: a tunnel is asked for by CONNECT, which is an upgrade, too: there is no body, and what follows an answer of 2xx are bytes. */
  connect = false;
  /** Absolute-form: authority and path within the request-target; else the Host header's value and the target. Offsets as in `Head`. */
  authorityStart = 0;
  authorityEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  absolute = false;
  https = false;
  /** Which headers `Connection` named, beside the well-known: bit set per header line. */
  readonly listed = new Uint8Array(128);
  hasListed = false;
  /** Those names in lower case, where there are any and trailers may follow, which they may name too. */
  readonly listedNames = new Set<string>();

  copyFrom(other: Framing): void {
    this.body = other.body;
    this.length = other.length;
    this.close = other.close;
    this.isHead = other.isHead;
    this.idempotent = other.idempotent;
    this.upgrade = other.upgrade;
    this.connect = other.connect;
    this.authorityStart = other.authorityStart;
    this.authorityEnd = other.authorityEnd;
    this.pathStart = other.pathStart;
    this.pathEnd = other.pathEnd;
    this.absolute = other.absolute;
    this.https = other.https;
    this.hasListed = other.hasListed;
    this.listed.set(other.listed);
    this.listedNames.clear();
    for (const name of other.listedNames) this.listedNames.add(name);
  }

  /** A line that does not go on as it is, beside those that `Connection` named. */
  leaveOut(line: number): void {
    if (!this.hasListed) {
      this.hasListed = true;
      this.listed.fill(0);
    }
    this.listed[line] = 1;
  }
}

/** The length and coding headers of either kind of message: strict, since two parsers must not read them in two ways. */
function readLength(head: Head, framing: Framing, isResponse: boolean): number {
  const { bytes, base, known, count } = head;
  let length = -1;
  let codings = 0;
  let chunked = false;
  for (let i = 0; i < count; i++) {
    if (known[i] === Known.ContentLength) {
      // One number in one header: a list of equal ones is legal to refuse (RFC 9112 §6.3, 5) and has no honest sender.
      if (length >= 0) return Refuse.BadFraming;
      length = parseDecimal(bytes, base + head.valueStart(i), base + head.valueEnd(i));
      if (length < 0 || tabBehind(bytes, base + head.valueEnd(i))) return Refuse.BadFraming;
    } else if (known[i] === Known.TransferEncoding) {
      if (++codings > 1) return Refuse.BadFraming;
      const start = base + head.valueStart(i), end = base + head.valueEnd(i);
      if (equalsIgnoreCase(bytes, start, end, 'chunked') && !tabBehind(bytes, end)) chunked = true;
      else return isResponse || !isCodings(bytes, start, end) ? Refuse.BadFraming : Refuse.UnknownCoding;
    }
  }
  // RFC 9112 §6.1: both is an attack or a bug; a coding in HTTP/1.0 was not understood by somebody.
  if (chunked && (length >= 0 || head.minor === 0)) return Refuse.BadFraming;
  framing.body = chunked ? Body.Chunked : length > 0 ? Body.Length : Body.None;
  framing.length = length;
  return Refuse.Nothing;
}

/** A tab behind a length or coding would be legal white space, and is none to llhttp: to it such a message is framed in another way, or in none. */
function tabBehind(bytes: Uint8Array, from: number): boolean {
  let at = from;
  while (bytes[at] === SP) at++;
  return bytes[at] === HTAB;
}

/** A list of codings that ends in `chunked` could be framed, had we the other codings: 501. Any other could not: 400 (RFC 9112 §6.3, 4). */
function isCodings(bytes: Buffer, start: number, end: number): boolean {
  const names = latin1(bytes, start, end).toLowerCase().split(',').map((name) => name.trim());
  return names.length > 1 && names.indexOf('chunked') === names.length - 1 && names.every((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name));
}

/**
 * `Connection`: close, and the headers that it names. What frames the message, routes it or says who sent it cannot be named away. False where it
 * names more than a message may have: each is looked for, and a head full of names would cost a hundred times what its bytes do.
 */
function readConnection(head: Head, framing: Framing): boolean {
  const { bytes, base, known, count } = head;
  framing.close = head.minor === 0;
  framing.upgrade = false;
  framing.hasListed = false;
  if (framing.listedNames.size > 0) framing.listedNames.clear();
  let named = 0;
  for (let i = 0; i < count; i++) {
    if (known[i] !== Known.Connection) continue;
    const end = base + head.valueEnd(i);
    for (let at = base + head.valueStart(i); at < end;) {
      while (at < end && (bytes[at] === 44 || bytes[at] === 32 || bytes[at] === 9)) at++;
      const from = at;
      while (at < end && bytes[at] !== 44) at++;
      let to = at;
      while (to > from && (bytes[to - 1] === 32 || bytes[to - 1] === 9)) to--;
      if (to === from) continue;
      if (equalsIgnoreCase(bytes, from, to, 'close')) framing.close = true;
      else if (equalsIgnoreCase(bytes, from, to, 'keep-alive')) continue;
      else if (equalsIgnoreCase(bytes, from, to, 'upgrade')) framing.upgrade = true;
      else if (++named > MAX_HEADERS) return false;
      else list(head, framing, from, to);
    }
  }
  return true;
}

function list(head: Head, framing: Framing, from: number, to: number): void {
  const name = latin1(head.bytes, from, to).toLowerCase();
  if (framing.body === Body.Chunked) framing.listedNames.add(name);
  for (let i = 0; i < head.count; i++) {
    if (isProtected(head.known[i]) || !head.isName(i, name)) continue;
    framing.leaveOut(i);
  }
}

function isProtected(known: number): boolean {
  switch (known) {
    case Known.Host: case Known.TransferEncoding: case Known.ContentLength: case Known.RequestId: case Known.Traceparent:
    case Known.ForwardedFor: case Known.ForwardedProto: case Known.ForwardedClientCert: case Known.Tracestate: case Known.Expect:
      return true;
    default:
      return false;
  }
}

/** Whether an Upgrade header asks for or grants WebSocket and nothing else; other protocols (h2c above all) would tunnel past the policies. */
function isWebSocket(head: Head): boolean {
  const i = head.indexOf(Known.Upgrade);
  if (i < 0 || head.indexOf(Known.Upgrade, i + 1) >= 0) return false;
  return equalsIgnoreCase(head.bytes, head.base + head.valueStart(i), head.base + head.valueEnd(i), 'websocket');
}

/** Reads what a request's head means. Returns a `Refuse`. */
export function readRequest(head: Head, framing: Framing): number {
  const { bytes, base } = head;
  const method = base + head.methodStart;
  const length = head.methodEnd - head.methodStart;
  framing.isHead = false;
  framing.idempotent = false;
  framing.connect = false;
  if (length === 3) {
    framing.idempotent = equals(bytes, method, 'GET') || equals(bytes, method, 'PUT');
  } else if (length === 4) {
    framing.isHead = equals(bytes, method, 'HEAD');
    framing.idempotent = framing.isHead;
  } else if (length === 5) {
    framing.idempotent = equals(bytes, method, 'TRACE');
  } else if (length === 6) {
    framing.idempotent = equals(bytes, method, 'DELETE');
  } else if (length === 7) {
    framing.connect = equals(bytes, method, 'CONNECT');
    framing.idempotent = equals(bytes, method, 'OPTIONS');
  }
  const refused = readTarget(head, framing);
  if (refused !== Refuse.Nothing) return refused;
  const bad = readLength(head, framing, false);
  if (bad !== Refuse.Nothing) return bad;
  if (!readConnection(head, framing)) return Refuse.BadFraming;
  if (framing.connect) {
    // RFC 9110 §9.3.6: a body has no meaning here, and what two readers take for one would be a way past the first of them.
    if (framing.body !== Body.None) return Refuse.BadFraming;
    framing.upgrade = true;
  } else if (framing.upgrade) {
    framing.upgrade = head.minor === 1 && framing.body === Body.None && isWebSocket(head);
  }
  return Refuse.Nothing;
}

function equals(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

function readTarget(head: Head, framing: Framing): number {
  const { bytes, base } = head;
  const host = head.indexOf(Known.Host);
  // RFC 9112 §3.2: exactly one, and a valid one, in HTTP/1.1; none or one in HTTP/1.0.
  if (host < 0 ? head.minor === 1 : head.indexOf(Known.Host, host + 1) >= 0) return Refuse.BadHost;
  framing.absolute = false;
  framing.https = false;
  framing.authorityStart = framing.authorityEnd = 0;
  const start = head.targetStart, end = head.targetEnd;
  framing.pathStart = start;
  framing.pathEnd = end;
  const first = bytes[base + start];
  if (framing.connect) {
    // RFC 9112 §3.2.3: authority-form, with a port.
    if (!isAuthority(bytes, base + start, base + end) || !endsInPort(bytes, base + start, base + end)) return Refuse.BadTarget;
    framing.absolute = true;
    framing.authorityStart = start;
    framing.authorityEnd = framing.pathStart = end;
  } else if (first !== 47) {
    if (first === 42 && end - start === 1) {
      if (!equals(bytes, base + head.methodStart, 'OPTIONS ')) return Refuse.BadTarget;
    } else {
      const refused = readAbsolute(head, framing);
      if (refused !== Refuse.Nothing) return refused;
    }
  }
  if (host >= 0) {
    const from = head.valueStart(host), to = head.valueEnd(host);
    if (!isAuthority(bytes, base + from, base + to)) return Refuse.BadHost;
    if (!framing.absolute) {
      framing.authorityStart = from;
      framing.authorityEnd = to;
    }
  }
  return Refuse.Nothing;
}

/** absolute-form (RFC 9112 §3.2.2): its authority counts, whatever Host says. */
function readAbsolute(head: Head, framing: Framing): number {
  const { bytes, base } = head;
  const start = base + head.targetStart, end = base + head.targetEnd;
  let i: number;
  if (end - start > 7 && equalsIgnoreCase(bytes, start, start + 4, 'http') && bytes[start + 4] === 58) i = start + 5;
  else if (end - start > 8 && equalsIgnoreCase(bytes, start, start + 5, 'https') && bytes[start + 5] === 58) i = start + 6;
  else return Refuse.BadTarget;
  framing.https = i - start === 6;
  if (bytes[i] !== 47 || bytes[i + 1] !== 47) return Refuse.BadTarget;
  const from = i += 2;
  while (i < end && bytes[i] !== 47 && bytes[i] !== 63) i++;
  if (!isAuthority(bytes, from, i)) return Refuse.BadTarget;
  framing.absolute = true;
  framing.authorityStart = from - base;
  framing.authorityEnd = i - base;
  framing.pathStart = i - base;
  return Refuse.Nothing;
}

/** Reads what a response's head means. Returns a `Refuse`; only BadFraming occurs. */
export function readResponse(head: Head, framing: Framing, toHead: boolean): number {
  const bad = readLength(head, framing, true);
  if (bad !== Refuse.Nothing) return bad;
  if (!readConnection(head, framing)) return Refuse.BadFraming;
  const { status } = head;
  const { body, length } = framing;
  if (status === 101) {
    framing.upgrade = framing.upgrade && isWebSocket(head);
    return body === Body.Chunked || length >= 0 ? Refuse.BadFraming : Refuse.Nothing;
  }
  framing.upgrade = false;
  if (status < 200 || status === 204) {
    // RFC 9112 §6.1, RFC 9110 §8.6: neither may say how long a body is that cannot be.
    if (body === Body.Chunked || length > 0 || (status < 200 && length === 0)) return Refuse.BadFraming;
    framing.body = Body.None;
  } else if (toHead || status === 304) {
    framing.body = Body.None;
  } else if (body === Body.None && length !== 0) {
    framing.body = Body.Close;
    framing.close = true;
  }
  return Refuse.Nothing;
}
