/** Bytes of a header block, and frames of it, at most (CVE-2024-27316 and its kind). */
const MAX_BLOCK = 64 * 1024;
const MAX_CONTINUATIONS = 16;

/** A header block that goes on in CONTINUATION frames (RFC 9113 §6.10). */
export class HeaderBlock {
  /** 0: none is under way. */
  stream = 0;
  /** Of its HEADERS. */
  flags = 0;
  private parts: Buffer[] = [];
  private length = 0;

  begin(stream: number, flags: number, bytes: Buffer, start: number, end: number): void {
    this.stream = stream;
    this.flags = flags;
    this.parts = [Buffer.from(bytes.subarray(start, end))];
    this.length = end - start;
  }

  /** False: it is larger, or in more pieces, than any honest one. */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.parts.push(Buffer.from(bytes.subarray(start, end)));
    this.length += end - start;
    return this.length <= MAX_BLOCK && this.parts.length <= MAX_CONTINUATIONS;
  }

  /** The whole of it; nothing is under way any more. */
  take(): Buffer {
    const whole = Buffer.concat(this.parts);
    this.stream = this.length = 0;
    this.parts = [];
    return whole;
  }
}
