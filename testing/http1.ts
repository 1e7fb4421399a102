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
  /** The body as it came. */
  readonly bytes: Buffer;
  /** Fields after the body, names in lower case. */
  readonly trailers: Readonly<Record<string, string>>;
}

type Head = Omit<Message, 'body' | 'bytes' | 'trailers'>;

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
    this.begin({ ...this.firstLine(first), headers: fieldsIn(lines) });
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
      if (size === 0) return this.readTrailers(head, line);
      if (this.rest.length < line + 2 + size + 2) return false;
      this.chunks.push(this.rest.subarray(line + 2, line + 2 + size));
      this.rest = this.rest.subarray(line + 2 + size + 2);
    }
  }

  /** What stands from the line of the last chunk on: fields, and an empty line. */
  private readTrailers(head: Head, line: number): boolean {
    const end = this.rest.indexOf(HEAD_END, line);
    if (end < 0) return false;
    const lines = end === line ? [] : this.rest.toString('latin1', line + 2, end).split('\r\n');
    this.rest = this.rest.subarray(end + HEAD_END.length);
    this.finish(head, fieldsIn(lines));
    return true;
  }

  private finish(head: Head, trailers: Readonly<Record<string, string>> = {}): void {
    this.head = undefined;
    const bytes = Buffer.concat(this.chunks);
    this.done({ ...head, body: bytes.toString('utf8'), bytes, trailers });
  }
}

function fieldsIn(lines: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!match) throw new Error(`no header field: ${JSON.stringify(line)}`);
    const name = match[1]!.toLowerCase();
    fields[name] = name in fields ? `${fields[name]}, ${match[2]}` : match[2]!;
  }
  return fields;
}

/** A message in bytes, with its length; with trailers in one chunk. */
export function writeMessage(
  firstLine: string, headers: Readonly<Record<string, string>>, body: Buffer, trailers?: Readonly<Record<string, string>>,
): Buffer {
  const framing: Record<string, string> = trailers === undefined ? { 'content-length': String(body.length) } : { 'transfer-encoding': 'chunked' };
  const head = Buffer.from(`${firstLine}\r\n${fieldLines({ ...headers, ...framing })}\r\n`, 'latin1');
  if (trailers === undefined) return Buffer.concat([head, body]);
  const chunk = body.length === 0 ? [] : [Buffer.from(`${body.length.toString(16)}\r\n`, 'latin1'), body, Buffer.from('\r\n', 'latin1')];
  return Buffer.concat([head, ...chunk, Buffer.from(`0\r\n${fieldLines(trailers)}\r\n`, 'latin1')]);
}

function fieldLines(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

/** The bytes of a body as a test writes it: bytes, a text, or a value that is sent as JSON. */
export function bodyBytes(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8');
}

/** Of a body that is no text and no bytes. */
export function isJson(body: unknown): boolean {
  return body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
}
