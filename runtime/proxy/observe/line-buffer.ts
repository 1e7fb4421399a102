const FIRST_SIZE = 4 * 1024;
/** Larger ones are not kept for the next line. */
const KEEP_SIZE = 64 * 1024;

/** Characters that stand for themselves in a JSON string and are one byte in UTF-8. */
const PLAIN = new Uint8Array(128).map((_, c) => (c >= 32 && c !== 34 && c !== 92 && c !== 127 ? 1 : 0));

/** Where a line of JSON is put together, as bytes: no string is made of what is one already, or of a number. */
export class LineBuffer {
  bytes = Buffer.allocUnsafeSlow(FIRST_SIZE);
  end = 0;

  /** Begins the next line. */
  start(): void {
    this.end = 0;
    if (this.bytes.length > KEEP_SIZE) this.bytes = Buffer.allocUnsafeSlow(FIRST_SIZE);
  }

  /** Bytes that are written as they are. */
  literal(from: Uint8Array): void {
    const { length } = from;
    const at = this.reserve(length);
    const { bytes } = this;
    for (let i = 0; i < length; i++) bytes[at + i] = from[i];
    this.end = at + length;
  }

  /** A JSON string, quotes included. */
  quoted(text: string): void {
    const at = this.reserve(text.length + 2);
    this.bytes[at] = 34;
    this.end = at + 1;
    this.content(text);
    this.bytes[this.end++] = 34;
  }

  /** What stands between the quotes of a JSON string. There is room for one byte behind it. */
  content(text: string): void {
    const { length } = text;
    let at = this.reserve(length + 1);
    const { bytes } = this;
    for (let i = 0; i < length; i++) {
      const c = text.charCodeAt(i);
      if (c >= 128 || PLAIN[c] === 0) {
        this.escaped(text);
        return;
      }
      bytes[at++] = c;
    }
    this.end = at;
  }

  private escaped(text: string): void {
    const escaped = JSON.stringify(text).slice(1, -1);
    // Three bytes are the most that a UTF-16 unit needs.
    const at = this.reserve(escaped.length * 3 + 1);
    this.end += this.bytes.write(escaped, at);
  }

  /** A number; whole ones without a string. */
  number(value: number): void {
    if (!(value >= 0 && value <= 0x7fff_ffff && (value | 0) === value)) {
      this.content(String(value));
      return;
    }
    let digits = 1;
    for (let bound = 10; digits < 10 && value >= bound; bound *= 10) digits++;
    let rest = value | 0;
    const from = this.reserve(digits);
    for (let at = from + digits - 1; at >= from; at--) {
      const tenth = (rest / 10) | 0;
      this.bytes[at] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    this.end = from + digits;
  }

  /** Makes room for `length` more bytes; returns where they go. */
  private reserve(length: number): number {
    const { bytes, end } = this;
    if (end + length <= bytes.length) return end;
    this.bytes = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(end + length)));
    bytes.copy(this.bytes, 0, 0, end);
    return end;
  }
}
