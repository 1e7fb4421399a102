import type { Clock } from '../runtime/clock';
import { READ_OFFSET, type Acceptor, type Connection, type Transport } from '../runtime/proxy/transport';
import type { RequestOptions, TestResponse } from './client';
import { ConnectionStream } from './connection-stream';
import { bodyBytes, isJson, MessageReader, writeMessage, type Message } from './http1';
import { http2Server, type Outgoing } from './http2';
import { TcpStub, TestConnection } from './tcp';

/** A request as it came to an application. */
export interface StubRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body as it came. */
  readonly bytes: Buffer;
  /** Fields after the body. */
  readonly trailers: Readonly<Record<string, string>>;
  readonly service: string;
  readonly version: string;
  /** Name of the pod. */
  readonly pod: string;
  readonly region: string | undefined;
  /** Virtual milliseconds since the mesh began. */
  readonly at: number;
  /** Calls another service through the pod's own proxy; trace headers go with it. */
  call(url: string, options?: RequestOptions): Promise<TestResponse>;
}

/** What an application answers. */
export interface StubAnswer {
  /** 200 where it is left out. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, bytes, or a value that is sent as JSON. */
  readonly body?: unknown;
  /** Fields after the body. */
  readonly trailers?: Readonly<Record<string, string>>;
  /** Virtual milliseconds until it answers. */
  readonly delay?: number;
}

/** `reset` breaks the connection, `hang` never answers. */
export type Stub = (request: StubRequest) => StubAnswer | 'reset' | 'hang' | Promise<StubAnswer | 'reset' | 'hang'>;

/** What plays an application: a function of requests, whichever version of HTTP they come in, or functions of connections. */
export type AnyStub = Stub | TcpStub;

/** How a request is answered, whatever it came in. */
interface Exchange {
  answer(status: number, outgoing: Outgoing): void;
  reset(): void;
}

/** First bytes of HTTP/2; no method of HTTP/1.1 begins so. */
const PREFACE = 'PRI * HTTP/2';

export interface StubServerDependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly answer: (message: Message) => ReturnType<Stub>;
  /** What takes connections, where the service carries bytes; undefined where it has requests. */
  readonly bytes: () => TcpStub | undefined;
}

/** An application that functions play. Requests come in HTTP/1.1 or HTTP/2, told apart by their first bytes. */
export class StubServer {
  private readonly connections = new Set<Connection>();
  private readonly acceptors: Acceptor[] = [];
  private readonly http2 = http2Server(({ message, answer, reset }) => { void this.reply({ answer, reset }, message); });

  constructor(private readonly deps: StubServerDependencies) {}

  async listen(address: string, port: number): Promise<void> {
    this.acceptors.push(await this.deps.transport.listen({ address, port }, (connection) => this.accept(connection)));
  }

  /** Breaks every connection and takes no more. */
  async close(): Promise<void> {
    for (const acceptor of this.acceptors.splice(0)) await acceptor.close();
    for (const connection of this.connections) connection.reset();
    this.connections.clear();
  }

  private accept(connection: Connection): void {
    const { transport, bytes } = this.deps;
    this.connections.add(connection);
    const stub = bytes();
    if (stub) {
      TestConnection.of(transport, connection, stub.handler);
      return;
    }
    const gone = () => {
      this.connections.delete(connection);
      connection.close();
    };
    const reader = new MessageReader('request', (message) => { void this.reply(this.http1(connection, message), message); });
    let seen = Buffer.alloc(0);
    connection.handler = {
      onConnect: () => {},
      onData: (length) => {
        const data = Buffer.from(transport.input.subarray(READ_OFFSET, READ_OFFSET + length));
        if (seen.length >= PREFACE.length) return reader.feed(data);
        seen = Buffer.concat([seen, data]);
        const begin = seen.toString('latin1', 0, PREFACE.length);
        if (begin === PREFACE) {
          this.serveHttp2(connection, seen);
        } else if (!PREFACE.startsWith(begin)) {
          reader.feed(seen);
          seen = Buffer.alloc(PREFACE.length);
        }
      },
      onEnd: gone,
      onDrain: () => {},
      onClosed: gone,
    };
  }

  private serveHttp2(connection: Connection, begin: Buffer): void {
    const stream = ConnectionStream.of(this.deps.transport, connection);
    stream.on('close', () => this.connections.delete(connection));
    stream.on('error', () => {});
    this.http2.emit('connection', stream);
    stream.arrive(begin);
  }

  private http1(connection: Connection, { method }: Message): Exchange {
    return {
      answer: (status, { headers, body, trailers }) => {
        if (connection.closed) return;
        const bytes = writeMessage(`HTTP/1.1 ${status} ${status < 400 ? 'OK' : 'Error'}`, headers, method === 'HEAD' ? Buffer.alloc(0) : body, trailers);
        connection.write(bytes, 0, bytes.length);
      },
      reset: () => { connection.reset(); },
    };
  }

  private async reply(exchange: Exchange, message: Message): Promise<void> {
    let answer: Awaited<ReturnType<Stub>>;
    try {
      const given = this.deps.answer(message);
      answer = given instanceof Promise ? await given : given;
    } catch (error) {
      answer = { status: 500, body: { error: (error as Error).message } };
    }
    if (answer === 'hang') return;
    if (answer === 'reset') return exchange.reset();
    const { delay = 0, status = 200, headers = {}, body, trailers } = answer;
    const type: Record<string, string> = body === undefined || body instanceof Uint8Array ? {} : { 'content-type': isJson(body) ? 'application/json' : 'text/plain' };
    const send = () => { exchange.answer(status, { headers: { ...type, ...headers }, body: bodyBytes(body), trailers }); };
    if (delay > 0) this.deps.clock.setTimer(delay, send);
    else send();
  }
}
