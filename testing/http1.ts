/** As much HTTP/1.1 as a test's client and its stub services need; strict, so that what a proxy sends wrongly is seen. */

export interface Message {
  /** Of a request. */
  readonly method: string;
  readonly target: string;
  /** Of a response. */
  readonly status: number;
  /** Names in lower case; several of one name joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Head = Omit<Message, 'body'>;

const HEAD_END = Buffer.from('\r\n\r\n');

/** Reads messages out of the bytes of one connection. */
export class MessageReader {
  private rest: Buffer = Buffer.alloc(0);
  private head: Head | undefined;
  private chunks: Buffer[] = [];
  /** Bytes of the body, or of the chunk, that are missing; undefined where the end of the connection ends the body. */
  private missing: number | undefined = 0;
  private chunked = false;

  /**
   * @param kind what comes
   * @param bodiless whether the response that comes next has no body whatever its head says, as one to HEAD
   */
  constructor(private readonly kind: 'request' | 'response', private readonly done: (message: Message) => void, private readonly bodiless = () => false) {}

  /** @throws for bytes that are no HTTP/1.1 */
  feed(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.head ? this.readBody(this.head) : this.readHead());
  }

  /** The other side has ended. True where that was the end of a message, or between two. */
  end(): boolean {
    if (!this.head) return this.rest.length === 0;
    if (this.missing !== undefined) return false;
    this.finish(this.head);
    return true;
  }

  private readHead(): boolean {
    const end = this.rest.indexOf(HEAD_END);
    if (end < 0) return false;
    const [first, ...lines] = this.rest.toString('latin1', 0, end).split('\r\n') as [string, ...string[]];
    this.rest = this.rest.subarray(end + HEAD_END.length);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
      if (!match) throw new Error(`no header field: ${JSON.stringify(line)}`);
      const name = match[1]!.toLowerCase();
      headers[name] = name in headers ? `${headers[name]}, ${match[2]}` : match[2]!;
    }
    this.begin({ ...this.firstLine(first), headers });
    return true;
  }

  private firstLine(line: string): Omit<Head, 'headers'> {
    const match = this.kind === 'request' ? /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(line) : /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(line);
    if (!match) throw new Error(`no ${this.kind} line: ${JSON.stringify(line)}`);
    return this.kind === 'request' ? { method: match[1]!, target: match[2]!, status: 0 } : { method: '', target: '', status: Number(match[1]) };
  }

  private begin(head: Head): void {
    const { status, headers } = head;
    if (this.kind === 'response' && status < 200) return;
    this.head = head;
    this.chunks = [];
    this.chunked = headers['transfer-encoding'] === 'chunked';
    const length = headers['content-length'];
    const none = this.kind === 'response' && (status === 204 || status === 304 || this.bodiless());
    if (this.chunked && length !== undefined) throw new Error('content-length beside transfer-encoding');
    if (none) this.chunked = false;
    this.missing = none ? 0 : this.chunked ? 0 : length !== undefined ? Number(length) : this.kind === 'request' ? 0 : undefined;
  }

  /** Returns whether there may be another message in what was read. */
  private readBody(head: Head): boolean {
    if (this.chunked) return this.readChunks(head);
    const take = this.missing === undefined ? this.rest.length : Math.min(this.missing, this.rest.length);
    this.chunks.push(this.rest.subarray(0, take));
    this.rest = this.rest.subarray(take);
    if (this.missing === undefined) return false;
    this.missing -= take;
    if (this.missing > 0) return false;
    this.finish(head);
    return true;
  }

  private readChunks(head: Head): boolean {
    for (;;) {
      const line = this.rest.indexOf('\r\n');
      if (line < 0) return false;
      const size = Number.parseInt(this.rest.toString('latin1', 0, line), 16);
      if (!Number.isSafeInteger(size)) throw new Error(`no chunk size: ${JSON.stringify(this.rest.toString('latin1', 0, line))}`);
      if (this.rest.length < line + 2 + size + 2) return false;
      this.chunks.push(this.rest.subarray(line + 2, line + 2 + size));
      this.rest = this.rest.subarray(line + 2 + size + 2);
      if (size > 0) continue;
      this.finish(head);
      return true;
    }
  }

  private finish(head: Head): void {
    this.head = undefined;
    this.done({ ...head, body: Buffer.concat(this.chunks).toString('utf8') });
  }
}

/** A message in bytes; `content-length` is added where the headers do not have it. */
export function writeMessage(firstLine: string, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const bytes = Buffer.from(body, 'utf8');
  const lines = Object.entries({ ...headers, 'content-length': String(bytes.length) }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${firstLine}\r\n${lines.join('')}\r\n`, 'latin1'), bytes]);
}
