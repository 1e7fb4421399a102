import { CR, FIELD, LF, TOKEN } from './bytes';

/** Bytes of all chunk extensions of a message at most; they are an old way to make a proxy count for ever. */
export const MAX_EXTENSION_BYTES = 8 * 1024;
/** Bytes of a trailer section at most. */
export const MAX_TRAILER_BYTES = 16 * 1024;
/** Fields that frame, route or authenticate may not come late (RFC 9110 §6.5.1): whoever merges them would read another message than we did. */
export const FORBIDDEN_TRAILERS = new Set([
  'transfer-encoding', 'content-length', 'content-encoding', 'host', 'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade',
  'expect', 'authorization', 'cookie', 'set-cookie', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-client-cert', 'x-request-id', 'traceparent',
  'tracestate',
]);
const LONGEST_FORBIDDEN = 23;
const NOTHING: ReadonlySet<string> = new Set();

const enum S {
  SizeStart, Size, ExtensionName, ExtensionNameRest, ExtensionValue, ExtensionValueRest, Quoted, QuotedEscape, AfterQuoted, SizeLf,
  Data, DataCr, DataLf, TrailerStart, TrailerName, TrailerValue, TrailerLf, FinalLf, Done,
}

/**
 * Where a chunked body (RFC 9112 §7.1) ends, found byte by byte, so that it does not matter how the bytes were cut. The bytes pass as they
 * are, extensions and trailers included, once every one of them has been checked.
 */
export class ChunkedScanner {
  private state = S.SizeStart;
  private size = 0;
  /** Bytes of data in all chunks that have begun. */
  total = 0;
  private digits = 0;
  private extensionBytes = 0;
  private trailerBytes = 0;
  private name = '';
  /** Names that Connection gave to this hop alone. */
  private listed = NOTHING;
  /** Data bytes of the run that `scan` stopped at; used by `nextData`. */
  dataStart = 0;
  dataEnd = 0;

  /** `listed`: names in lower case that the message's Connection header has: its trailers may not have them (RFC 9110 §7.6.1). */
  reset(listed: ReadonlySet<string> = NOTHING): void {
    this.listed = listed.size === 0 ? NOTHING : new Set(listed);
    this.state = S.SizeStart;
    this.size = this.total = 0;
    this.digits = 0;
    this.extensionBytes = 0;
    this.trailerBytes = 0;
  }

  get done(): boolean {
    return this.state === S.Done;
  }

  /** Reads [i, end); returns where the body ended or `end` where it goes on, and -1 where it is not a valid one. */
  scan(bytes: Buffer, i: number, end: number): number {
    while (i < end) {
      if (this.state === S.Data) {
        const length = Math.min(end - i, this.size);
        i += length;
        this.size -= length;
        if (this.size === 0) this.state = S.DataCr;
        continue;
      }
      if (!this.step(bytes[i++])) return -1;
      if (this.state === S.Done) return i;
    }
    return i;
  }

  /** As `scan`, but stops behind each run of data, which is then in [dataStart, dataEnd); for peers that do not know chunks. */
  nextData(bytes: Buffer, i: number, end: number): number {
    this.dataStart = this.dataEnd = i;
    while (i < end) {
      if (this.state === S.Data) {
        const length = Math.min(end - i, this.size);
        this.dataStart = i;
        this.dataEnd = i + length;
        this.size -= length;
        if (this.size === 0) this.state = S.DataCr;
        return i + length;
      }
      if (!this.step(bytes[i++])) return -1;
      if (this.state === S.Done) return i;
    }
    return i;
  }

  /** One byte outside of data; false where it may not stand here. */
  private step(c: number): boolean {
    switch (this.state) {
      case S.SizeStart:
      case S.Size: {
        const digit = hexDigit(c);
        if (digit >= 0) {
          this.state = S.Size;
          this.size = this.size * 16 + digit;
          // 12 digits are 256 TiB; more could not be counted exactly.
          return ++this.digits <= 12;
        }
        if (this.digits === 0) return false;
        if (c === CR) this.state = S.SizeLf;
        else if (c === 59) this.state = S.ExtensionName;
        else return false;
        return true;
      }
      case S.ExtensionName:
        if (TOKEN[c] !== 1) return false;
        this.state = S.ExtensionNameRest;
        return this.countExtension();
      case S.ExtensionNameRest:
        if (TOKEN[c] === 1) return this.countExtension();
        if (c === 61) this.state = S.ExtensionValue;
        else return this.afterExtension(c);
        return this.countExtension();
      case S.ExtensionValue:
        if (c === 34) this.state = S.Quoted;
        else if (TOKEN[c] === 1) this.state = S.ExtensionValueRest;
        else return false;
        return this.countExtension();
      case S.ExtensionValueRest:
        if (TOKEN[c] === 1) return this.countExtension();
        return this.afterExtension(c);
      case S.Quoted:
        if (c === 34) this.state = S.AfterQuoted;
        else if (c === 92) this.state = S.QuotedEscape;
        else if (FIELD[c] !== 1) return false;
        return this.countExtension();
      case S.QuotedEscape:
        if (FIELD[c] !== 1) return false;
        this.state = S.Quoted;
        return this.countExtension();
      case S.AfterQuoted:
        return this.afterExtension(c);
      case S.SizeLf:
        if (c !== LF) return false;
        this.state = this.size === 0 ? S.TrailerStart : S.Data;
        this.total += this.size;
        return true;
      case S.DataCr:
        this.state = S.DataLf;
        return c === CR;
      case S.DataLf:
        this.state = S.SizeStart;
        this.digits = 0;
        return c === LF;
      default:
        return this.trailerStep(c);
    }
  }

  private countExtension(): boolean {
    return ++this.extensionBytes <= MAX_EXTENSION_BYTES;
  }

  private afterExtension(c: number): boolean {
    if (c === CR) this.state = S.SizeLf;
    else if (c === 59) this.state = S.ExtensionName;
    else return false;
    return this.countExtension();
  }

  private trailerStep(c: number): boolean {
    if (++this.trailerBytes > MAX_TRAILER_BYTES) return false;
    switch (this.state) {
      case S.TrailerStart:
        if (c === CR) {
          this.state = S.FinalLf;
          return true;
        }
        if (TOKEN[c] !== 1) return false;
        this.name = lowerCase(c);
        this.state = S.TrailerName;
        return true;
      case S.TrailerName:
        if (TOKEN[c] === 1) {
          if (this.name.length <= LONGEST_FORBIDDEN || this.listed !== NOTHING) this.name += lowerCase(c);
          return true;
        }
        this.state = S.TrailerValue;
        return c === 58 && !FORBIDDEN_TRAILERS.has(this.name) && !this.listed.has(this.name);
      case S.TrailerValue:
        if (c === CR) this.state = S.TrailerLf;
        else return FIELD[c] === 1;
        return true;
      case S.TrailerLf:
        this.state = S.TrailerStart;
        return c === LF;
      case S.FinalLf:
        this.state = S.Done;
        return c === LF;
      default:
        return false;
    }
  }
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function lowerCase(c: number): string {
  return String.fromCharCode(c >= 65 && c <= 90 ? c | 32 : c);
}
