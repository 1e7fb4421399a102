/** Largest line in bytes. An object of the API has at most 3 MB (etcd takes 1.5 of them); more is no line of a watch. */
const LONGEST = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Cuts bytes into lines, wherever they were cut before: also inside a character. */
export class LineReader {
  private pending: Buffer[] = [];
  private length = 0;

  constructor(private readonly line: (text: string) => void) {}

  /** @throws Error where a line is too long, and whatever `line` throws. */
  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const text = this.pending.length === 0 ? chunk.toString('utf8', start, end) : Buffer.concat([...this.pending, chunk.subarray(start, end)]).toString('utf8');
      this.pending = [];
      this.length = 0;
      start = end + 1;
      if (text.trim() !== '') this.line(text);
    }
    if (start === chunk.length) return;
    this.pending.push(chunk.subarray(start));
    this.length += chunk.length - start;
    if (this.length > LONGEST) throw new Error(`a line is longer than ${LONGEST} bytes`);
  }
}
