import type { Clock } from '../runtime/clock';
import { READ_OFFSET, type Acceptor, type Connection, type Transport } from '../runtime/proxy/transport';
import type { RequestOptions, TestResponse } from './client';
import { MessageReader, writeMessage, type Message } from './http1';

/** A request as it came to an application. */
export interface StubRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
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
  /** Text, or a value that is sent as JSON. */
  readonly body?: unknown;
  /** Virtual milliseconds until it answers. */
  readonly delay?: number;
}

/** `reset` breaks the connection, `hang` never answers. */
export type Stub = (request: StubRequest) => StubAnswer | 'reset' | 'hang' | Promise<StubAnswer | 'reset' | 'hang'>;

/** An application that a function plays. */
export class StubServer {
  private readonly connections = new Set<Connection>();
  private acceptor: Acceptor | undefined;

  constructor(
    private readonly transport: Transport, private readonly clock: Clock,
    private readonly answer: (message: Message) => ReturnType<Stub>,
  ) {}

  async listen(address: string, port: number): Promise<void> {
    this.acceptor = await this.transport.listen({ address, port }, (connection) => this.accept(connection));
  }

  /** Breaks every connection and takes no more. */
  async close(): Promise<void> {
    await this.acceptor?.close();
    this.acceptor = undefined;
    for (const connection of this.connections) connection.reset();
    this.connections.clear();
  }

  private accept(connection: Connection): void {
    this.connections.add(connection);
    const gone = () => {
      this.connections.delete(connection);
      connection.close();
    };
    const reader = new MessageReader('request', (message) => { void this.reply(connection, message); });
    connection.handler = {
      onConnect: () => {},
      onData: (length) => reader.feed(Buffer.from(this.transport.input.subarray(READ_OFFSET, READ_OFFSET + length))),
      onEnd: gone,
      onDrain: () => {},
      onClosed: gone,
    };
  }

  private async reply(connection: Connection, message: Message): Promise<void> {
    let answer: Awaited<ReturnType<Stub>>;
    try {
      const given = this.answer(message);
      answer = given instanceof Promise ? await given : given;
    } catch (error) {
      answer = { status: 500, body: { error: (error as Error).message } };
    }
    if (answer === 'hang') return;
    if (answer === 'reset') return connection.reset();
    const { delay = 0 } = answer;
    if (delay > 0) this.clock.setTimer(delay, () => this.send(connection, message, answer as StubAnswer));
    else this.send(connection, message, answer);
  }

  private send(connection: Connection, { method }: Message, { status = 200, headers = {}, body }: StubAnswer): void {
    if (connection.closed) return;
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' };
    const bytes = writeMessage(`HTTP/1.1 ${status} ${status < 400 ? 'OK' : 'Error'}`, { ...type, ...headers }, method === 'HEAD' ? '' : text);
    connection.write(bytes, 0, bytes.length);
  }
}
