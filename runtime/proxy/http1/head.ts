import { COLON, CR, FIELD, HTAB, LF, SP, TARGET, TOKEN, equalsIgnoreCase, latin1 } from './bytes';

/** What a known header is to framing and forwarding; 0 is every other. */
export const Known = {
  Other: 0,
  Host: 1,
  /** `connection`, and what old clients write for it. */
  Connection: 2,
  ProxyConnection: 3,
  KeepAlive: 4,
  Te: 5,
  Upgrade: 6,
  TransferEncoding: 7,
  ContentLength: 8,
  Expect: 9,
  RequestId: 10,
  Traceparent: 11,
  ForwardedFor: 12,
  ForwardedProto: 13,
  UserAgent: 14,
  Server: 15,
  RetryAfter: 16,
  Tracestate: 17,
  Date: 18,
  ForwardedClientCert: 19,
} as const;

/** Why a head is not accepted. Negative, so that it cannot be taken for a length. */
export const HeadError = {
  Syntax: -1,
  Version: -2,
  TargetTooLong: -3,
  TooManyHeaders: -4,
} as const;

/** More header lines than this are refused with 431, as Envoy does by default. */
export const MAX_HEADERS = 100;
/** Bytes of a request-target at most; more is 414. */
export const MAX_TARGET = 8 * 1024;

/** Bytes of a method at most. */
const MAX_METHOD = 32;

const STRIDE = 5;

/**
 * The head of a message as offsets into the bytes it stands in: no string is made of any of it before somebody asks. Offsets count from the first
 * byte of the start-line, so a head stays valid when its bytes are copied; `bytes` and `base` say where they are now.
 */
export class Head {
  bytes: Buffer = Buffer.alloc(0);
  base = 0;
  /** Bytes of the whole head, the empty line included. */
  length = 0;
  /** HTTP/1.`minor`. */
  minor = 1;
  /** Requests: the method, the request-target. */
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** Responses. */
  status = 0;
  /** End of the start-line, after its CRLF. */
  linesStart = 0;
  count = 0;
  readonly known = new Uint8Array(MAX_HEADERS);
  private readonly fields = new Int32Array(MAX_HEADERS * STRIDE);

  nameStart(i: number): number { return this.fields[i * STRIDE]; }
  nameEnd(i: number): number { return this.fields[i * STRIDE + 1]; }
  /** Without the optional white space around it. */
  valueStart(i: number): number { return this.fields[i * STRIDE + 2]; }
  valueEnd(i: number): number { return this.fields[i * STRIDE + 3]; }
  /** After the line's CRLF. */
  lineEnd(i: number): number { return this.fields[i * STRIDE + 4]; }

  /** A head that was read by somebody else, whose lines follow by `add`; all offsets count from `base`. */
  begin(bytes: Buffer, base: number): void {
    this.bytes = bytes;
    this.base = base;
    this.minor = 1;
    this.count = 0;
  }

  /** The same, in bytes of its own. */
  copyFrom(other: Head): void {
    this.begin(Buffer.from(other.bytes.subarray(other.base, other.base + other.length)), 0);
    this.length = other.length;
    this.minor = other.minor;
    this.methodStart = other.methodStart;
    this.methodEnd = other.methodEnd;
    this.targetStart = other.targetStart;
    this.targetEnd = other.targetEnd;
    this.linesStart = other.linesStart;
    this.count = other.count;
    this.known.set(other.known);
    this.fields.set(other.fields);
  }

  /** Another line. There is room for `MAX_HEADERS`. */
  add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, lineEnd: number, known: number): void {
    const { count, fields } = this;
    const at = count * STRIDE;
    fields[at] = nameStart;
    fields[at + 1] = nameEnd;
    fields[at + 2] = valueStart;
    fields[at + 3] = valueEnd;
    fields[at + 4] = lineEnd;
    this.known[count] = known;
    this.count = count + 1;
  }

  /** The first header of that kind from line `from` on, or -1. */
  indexOf(kind: number, from = 0): number {
    for (let i = from; i < this.count; i++) if (this.known[i] === kind) return i;
    return -1;
  }

  isName(i: number, lower: string): boolean {
    return equalsIgnoreCase(this.bytes, this.base + this.nameStart(i), this.base + this.nameEnd(i), lower);
  }

  text(start: number, end: number): string {
    return latin1(this.bytes, this.base + start, this.base + end);
  }

  value(i: number): string {
    return this.text(this.valueStart(i), this.valueEnd(i));
  }

  /** All values of `lower`, joined with `,`, those of `cookie` with `; ` (RFC 9113 §8.2.3); undefined where there is none. */
  header(lower: string): string | undefined {
    const separator = lower === 'cookie' ? '; ' : ',';
    let found: string | undefined;
    for (let i = 0; i < this.count; i++) {
      if (!this.isName(i, lower)) continue;
      found = found === undefined ? this.value(i) : found + separator + this.value(i);
    }
    return found;
  }

  /**
   * Reads a request's head from [start, end): its length, 0 where it is not complete, or a `HeadError`. The answer depends on complete lines
   * only, so it is the same however the bytes came.
   */
  parseRequest(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes;
    this.base = start;
    let i = start;
    // RFC 9112 §2.2: an empty line before the request-line is ignored.
    while (i + 1 < end && bytes[i] === CR && bytes[i + 1] === LF) i += 2;
    const first = i;
    while (i < end && TOKEN[bytes[i]] === 1) i++;
    if (i - first > MAX_METHOD) return HeadError.Syntax;
    if (i >= end || bytes[i] !== SP || i === first) return incomplete(bytes, i, end);
    this.methodStart = first - start;
    this.methodEnd = i - start;
    const target = ++i;
    while (i < end && TARGET[bytes[i]] === 1) i++;
    if (i - target > MAX_TARGET) return HeadError.TargetTooLong;
    if (i >= end || bytes[i] !== SP || i === target) return incomplete(bytes, i, end);
    this.targetStart = target - start;
    this.targetEnd = i - start;
    i++;
    if (i + 10 > end) return incomplete(bytes, i, end);
    const version = this.parseVersion(bytes, i);
    if (version === HeadError.Syntax) return incomplete(bytes, i, end);
    i += 8;
    if (bytes[i] !== CR || bytes[i + 1] !== LF) return incomplete(bytes, i, end);
    if (version !== 0) return version;
    return this.parseLines(bytes, start, i + 2, end);
  }

  /** Where the method begins: behind the empty lines that were ignored. */
  methodStart = 0;

  /** As `parseRequest`, of a response. A status-line without the space before an empty reason is taken, as every peer does. */
  parseResponse(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes;
    this.base = start;
    let i = start;
    if (i + 14 > end) return incomplete(bytes, i, end);
    const version = this.parseVersion(bytes, i);
    if (version !== 0 || bytes[i + 8] !== SP) return incomplete(bytes, i, end);
    const a = bytes[i + 9] - 48, b = bytes[i + 10] - 48, c = bytes[i + 11] - 48;
    if (a < 1 || a > 9 || b < 0 || b > 9 || c < 0 || c > 9) return incomplete(bytes, i, end);
    this.status = a * 100 + b * 10 + c;
    i += 12;
    if (bytes[i] === SP) {
      i++;
      while (i < end && FIELD[bytes[i]] === 1) i++;
    }
    if (i + 1 >= end || bytes[i] !== CR || bytes[i + 1] !== LF) return incomplete(bytes, i, end);
    return this.parseLines(bytes, start, i + 2, end);
  }

  /** 0 for HTTP/1.0 and HTTP/1.1. */
  private parseVersion(b: Buffer, i: number): number {
    if (b[i] !== 72 || b[i + 1] !== 84 || b[i + 2] !== 84 || b[i + 3] !== 80 || b[i + 4] !== 47 || b[i + 6] !== 46) return HeadError.Syntax;
    const major = b[i + 5] - 48, minor = b[i + 7] - 48;
    if (major < 0 || major > 9 || minor < 0 || minor > 9) return HeadError.Syntax;
    if (major !== 1 || minor > 1) return HeadError.Version;
    this.minor = minor;
    return 0;
  }

  private parseLines(bytes: Buffer, start: number, from: number, end: number): number {
    const { fields, known } = this;
    let i = from;
    let count = 0;
    this.linesStart = from - start;
    for (;;) {
      if (i + 1 >= end) return incomplete(bytes, i, end);
      if (bytes[i] === CR) {
        if (bytes[i + 1] !== LF) return incomplete(bytes, i, end);
        this.count = count;
        this.length = i + 2 - start;
        return this.length;
      }
      const nameStart = i;
      while (i < end && TOKEN[bytes[i]] === 1) i++;
      if (i >= end || bytes[i] !== COLON || i === nameStart) return incomplete(bytes, i, end);
      const nameEnd = i++;
      while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++;
      const valueStart = i;
      while (i < end && FIELD[bytes[i]] === 1) i++;
      if (i + 1 >= end || bytes[i] !== CR || bytes[i + 1] !== LF) return incomplete(bytes, i, end);
      if (count === MAX_HEADERS) return HeadError.TooManyHeaders;
      let valueEnd = i;
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
      i += 2;
      const at = count * STRIDE;
      fields[at] = nameStart - start;
      fields[at + 1] = nameEnd - start;
      fields[at + 2] = valueStart - start;
      fields[at + 3] = valueEnd - start;
      fields[at + 4] = i - start;
      known[count++] = knownHeader(bytes, nameStart, nameEnd);
    }
  }
}

/** A byte that does not fit is an error once its line is complete; before, more may be said about the line. */
function incomplete(bytes: Buffer, i: number, end: number): number {
  for (let k = i; k < end; k++) if (bytes[k] === LF) return HeadError.Syntax;
  return 0;
}

/** What the header whose name is [start, end) is to framing and forwarding. */
export function knownHeader(b: Buffer, start: number, end: number): number {
  const first = b[start] | 32;
  switch (end - start) {
    case 2:
      return first === 116 && equalsIgnoreCase(b, start, end, 'te') ? Known.Te : Known.Other;
    case 4:
      if (first === 104 && equalsIgnoreCase(b, start, end, 'host')) return Known.Host;
      return first === 100 && equalsIgnoreCase(b, start, end, 'date') ? Known.Date : Known.Other;
    case 6:
      if (first === 101 && equalsIgnoreCase(b, start, end, 'expect')) return Known.Expect;
      return first === 115 && equalsIgnoreCase(b, start, end, 'server') ? Known.Server : Known.Other;
    case 7:
      return first === 117 && equalsIgnoreCase(b, start, end, 'upgrade') ? Known.Upgrade : Known.Other;
    case 10:
      if (first === 99 && equalsIgnoreCase(b, start, end, 'connection')) return Known.Connection;
      if (first === 107 && equalsIgnoreCase(b, start, end, 'keep-alive')) return Known.KeepAlive;
      if (first === 116 && equalsIgnoreCase(b, start, end, 'tracestate')) return Known.Tracestate;
      return first === 117 && equalsIgnoreCase(b, start, end, 'user-agent') ? Known.UserAgent : Known.Other;
    case 11:
      if (first === 114 && equalsIgnoreCase(b, start, end, 'retry-after')) return Known.RetryAfter;
      return first === 116 && equalsIgnoreCase(b, start, end, 'traceparent') ? Known.Traceparent : Known.Other;
    case 12:
      return first === 120 && equalsIgnoreCase(b, start, end, 'x-request-id') ? Known.RequestId : Known.Other;
    case 14:
      return first === 99 && equalsIgnoreCase(b, start, end, 'content-length') ? Known.ContentLength : Known.Other;
    case 15:
      return first === 120 && equalsIgnoreCase(b, start, end, 'x-forwarded-for') ? Known.ForwardedFor : Known.Other;
    case 16:
      return first === 112 && equalsIgnoreCase(b, start, end, 'proxy-connection') ? Known.ProxyConnection : Known.Other;
    case 17:
      if (first === 120 && equalsIgnoreCase(b, start, end, 'x-forwarded-proto')) return Known.ForwardedProto;
      return first === 116 && equalsIgnoreCase(b, start, end, 'transfer-encoding') ? Known.TransferEncoding : Known.Other;
    case 23:
      return first === 120 && equalsIgnoreCase(b, start, end, 'x-forwarded-client-cert') ? Known.ForwardedClientCert : Known.Other;
    default:
      return Known.Other;
  }
}
