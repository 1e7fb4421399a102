import type { ActiveDigest } from '../filter/body';
import { ExpectedDigest, digestField, sha256, trailerValue } from '../filter/body/digest-field';
import { Dechunker } from '../http2/dechunker';
import { trailerBlockOfLines } from '../http2/forward';
import type { FieldSection } from '../http2/hpack/field-section';
import { joinedChunk, lastChunk } from './chunks';
import type { RequestContext } from './request-context';

const NOTHING: Buffer = Buffer.alloc(0);
const FIELDS = ['content-digest', 'repr-digest'] as const;
type DigestName = typeof FIELDS[number];

/**
 * The digests of one request's body on its way to the upstream. The end of the body goes on once it is known to be what the request says, so an
 * upstream never takes another one for complete.
 */
export class RequestDigest {
  private readonly expected: ExpectedDigest | undefined;
  private readonly dechunker: Dechunker | undefined;
  private readonly made: ReturnType<typeof sha256> | undefined;
  private readonly names: readonly DigestName[];

  /** Bytes to come of a body of HTTP/2 that goes on in HTTP/1.1 by its length alone: trailers, behind it, may yet say that it is another one. */
  private left: number;
  private held: Buffer = NOTHING;

  /** `inChunks`: the body comes as HTTP/1.1 frames it. `hasPlace`: there is one for digests that are made. `held`: a length whose last byte waits. */
  constructor(private readonly ctx: RequestContext, private readonly rules: ActiveDigest, inChunks: boolean, hasPlace: boolean, held: number) {
    this.left = held;
    const isWhole = ctx.header('content-range') === undefined;
    if (rules.verify) {
      this.expected = new ExpectedDigest();
      this.expected.expect(ctx.header('content-digest'));
      if (isWhole) this.expected.expect(ctx.header('repr-digest'));
    }
    if (inChunks) this.dechunker = new Dechunker();
    const makes: Record<DigestName, boolean> = { 'content-digest': rules.makeContentDigest, 'repr-digest': rules.makeReprDigest && isWhole };
    this.names = FIELDS.filter((name) => hasPlace && makes[name] && ctx.header(name) === undefined);
    if (this.names.length > 0) this.made = sha256();
  }

  /** Digests that the head shall announce, or have. */
  get fields(): readonly DigestName[] {
    return this.names;
  }

  /**
   * Takes more of the body. Returns what goes on of it, which is `undefined` for the bytes themselves; null: the body is not what the request says.
   */
  take(bytes: Buffer, start: number, end: number): Buffer | undefined | null {
    const { ctx, dechunker, made } = this;
    if (dechunker === undefined) {
      this.update(bytes, start, end);
      if (!ctx.requestComplete) return this.hold(bytes, start, end);
      if (!this.matches()) return null;
      if (made !== undefined && !this.stated) this.addTrailers();
      return this.held.length === 0 ? undefined : Buffer.concat([this.held, bytes.subarray(start, end)]);
    }
    const pieces: Buffer[] = [];
    for (let at = start; at < end && !dechunker.done;) {
      at = dechunker.next(bytes, at, end);
      if (dechunker.dataEnd > dechunker.dataStart) {
        this.update(bytes, dechunker.dataStart, dechunker.dataEnd);
        pieces.push(bytes.subarray(dechunker.dataStart, dechunker.dataEnd));
      }
    }
    if (dechunker.done) {
      this.expectTrailers(dechunker.trailers);
      if (!this.matches()) return null;
    }
    if (made === undefined || this.stated) return undefined;
    return joinedChunk(pieces, dechunker.done ? this.end(dechunker.trailers) : NOTHING);
  }

  /** The whole body has come with the head: the digests are in it. */
  stated = false;

  /** The value of the fields, of all that has come. */
  value(): string {
    this.stated = true;
    this.rules.filter.stats.made++;
    return digestField(this.made!.digest());
  }

  /** Trailers that came in HTTP/2, and go on so. */
  trailersOf(section: FieldSection): void {
    for (let i = 0; i < section.count; i++) {
      const name = section.name(i);
      if (name === 'content-digest' || name === 'repr-digest') this.expected?.expect(section.value(i));
    }
  }

  private hold(bytes: Buffer, start: number, end: number): Buffer | undefined {
    if (this.left === 0 || start === end) return undefined;
    this.left -= end - start;
    if (this.left > 0) return undefined;
    this.held = Buffer.from(bytes.subarray(end - 1, end));
    return bytes.subarray(start, end - 1);
  }

  private update(bytes: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.expected?.update(bytes, start, end);
    this.made?.update(bytes.subarray(start, end));
  }

  private matches(): boolean {
    const { expected, rules: { filter: { stats } } } = this;
    if (expected === undefined) return true;
    if (!expected.matches()) {
      stats.requestMismatch++;
      return false;
    }
    if (expected.isAsked) stats.verified++;
    return true;
  }

  private expectTrailers(lines: Buffer): void {
    if (lines.length <= 2) return;
    for (const name of FIELDS) this.expected?.expect(trailerValue(lines, name));
  }

  private end(lines: Buffer): Buffer {
    const value = this.value();
    return lastChunk(lines, this.names.map((name) => `${name}: ${value}\r\n`));
  }

  private addTrailers(): void {
    const value = this.value();
    const block = trailerBlockOfLines(Buffer.from(`${this.names.map((name) => `${name}: ${value}\r\n`).join('')}\r\n`, 'latin1'));
    const { requestTrailers } = this.ctx;
    this.ctx.requestTrailers = requestTrailers === undefined ? block : Buffer.concat([requestTrailers, block]);
  }
}

