import { READ_OFFSET, type Connection, type Transport } from '../runtime/proxy/transport';
import { bodyBytes, isJson, MessageReader, writeMessage, type Message } from './http1';
import { exchangeHttp2 } from './http2';

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, bytes, or a value that is sent as JSON. */
  readonly body?: unknown;
  /** What the client speaks; HTTP/1.1 where it is left out. HTTP/2 is without TLS, with prior knowledge. */
  readonly protocol?: 'http1' | 'http2';
}

/** What a client got. */
export class TestResponse {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, string>>,
    readonly body: string,
    /** Virtual milliseconds from sending to the last byte. */
    readonly elapsed: number,
    /** The body as it came. */
    readonly bytes: Buffer = Buffer.from(body),
    /** Fields after the body. */
    readonly trailers: Readonly<Record<string, string>> = {},
  ) {}

  /** The body as JSON. */
  json(): any {
    return JSON.parse(this.body) as unknown;
  }

  /** The RFC 9457 document that a proxy answered with; undefined where the application answered. */
  get problem(): { readonly type: string; readonly title: string; readonly policy?: string; readonly service?: string } | undefined {
    return this.headers['content-type'] === 'application/problem+json' ? this.json() as never : undefined;
  }
}

/** Sends one request over a connection of its own. Rejects when the connection ends before the answer. */
export async function exchange(
  transport: Transport, address: string, port: number, url: URL, options: RequestOptions, now: () => number,
): Promise<TestResponse> {
  const { method = 'GET', headers = {}, body, protocol = 'http1' } = options;
  const content = bodyBytes(body);
  const all = { ...isJson(body) ? { 'content-type': 'application/json' } : {}, ...headers };
  const begun = now();
  const done = ({ status, headers: got, body: answer, bytes: raw, trailers }: Message) => (
    new TestResponse(status, got, answer, now() - begun, raw, trailers)
  );
  if (protocol === 'http2') return done(await exchangeHttp2(transport, address, port, url, method, { headers: all, body: content }));
  // As a client does that obeys HTTP_PROXY: the whole URL stands in the request line (RFC 9112 §3.2.2).
  const bytes = writeMessage(`${method} ${url.href} HTTP/1.1`, { host: url.host, ...all }, content);
  return new Promise((resolve, reject) => {
    const take = (message: Message) => {
      resolve(done(message));
      connection.close();
    };
    const reader = new MessageReader('response', take, () => method === 'HEAD');
    const connection: Connection = transport.connect(address, port, {
      onConnect: () => { connection.write(bytes, 0, bytes.length); },
      onData: (length) => {
        try {
          reader.feed(Buffer.from(transport.input.subarray(READ_OFFSET, READ_OFFSET + length)));
        } catch (error) {
          connection.reset();
          reject(error as Error);
        }
      },
      onEnd: () => {
        if (!reader.end()) reject(new Error(`${method} ${url.href}: the connection ended before the answer`));
        connection.close();
      },
      onDrain: () => {},
      onClosed: (reason) => reject(new Error(`${method} ${url.href}: ${reason}`)),
    });
  });
}
