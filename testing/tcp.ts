import { READ_OFFSET, type Connection, type Transport } from '../runtime/proxy/transport';

/**
 * One end of a connection that carries bytes. It is the transport's `ConnectionHandler`, as every use of it checks; users of the harness are not told,
 * as the declarations that they get have no members of the transport's.
 */
export class TestConnection {
  /** Everything that has come. */
  received: Buffer = Buffer.alloc(0);
  /** The other side sends no more. */
  ended = false;
  /** The connection is gone, or could not be made; undefined as long as it stands. */
  broken: string | undefined;
  private connection!: Connection;
  private connected = false;
  private readonly waiting: (() => void)[] = [];
  private readonly early: (() => void)[] = [];

  private constructor(private readonly transport: Transport, private readonly handler: TcpHandler) {}

  /** @internal */
  static to(transport: Transport, address: string, port: number): TestConnection {
    const made = new TestConnection(transport, {});
    made.connection = transport.connect(address, port, made);
    return made;
  }

  /** @internal */
  static of(transport: Transport, connection: Connection, handler: TcpHandler): TestConnection {
    const made = new TestConnection(transport, handler);
    made.connection = connection;
    made.connected = true;
    connection.handler = made;
    handler.connected?.(made);
    return made;
  }

  /** Sends bytes, or a text in UTF-8. */
  send(data: string | Uint8Array): void {
    const bytes = Buffer.from(data as string);
    this.soon(() => { this.connection.write(bytes, 0, bytes.length); });
  }

  /** Sends no more; what the other side sends still comes. */
  end(): void {
    this.soon(() => { this.connection.shutdown(); });
  }

  /** Breaks the connection. */
  reset(): void {
    this.connection.reset();
  }

  /** Resolves with the first `length` bytes once they have come. Rejects where the connection ends before. */
  async read(length: number): Promise<Buffer> {
    return this.until(() => this.received.length >= length, () => this.received.subarray(0, length), `${length} bytes`);
  }

  /** Resolves with everything once the other side sends no more. */
  async readAll(): Promise<Buffer> {
    return this.until(() => this.ended, () => this.received, 'its end');
  }

  private async until(holds: () => boolean, value: () => Buffer, what: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (holds()) resolve(value());
        else if (this.broken !== undefined || this.ended) reject(new Error(`the connection ended (${this.broken ?? 'by the other side'}) before ${what}: ${this.received.length} bytes came`));
        else this.waiting.push(look);
      };
      look();
    });
  }

  private soon(act: () => void): void {
    if (this.connected) act();
    else this.early.push(act);
  }

  private changed(): void {
    for (const look of this.waiting.splice(0)) look();
  }

  /** @internal */
  onConnect(): void {
    this.connected = true;
    for (const act of this.early.splice(0)) act();
  }

  /** @internal */
  onData(length: number): void {
    const bytes = Buffer.from(this.transport.input.subarray(READ_OFFSET, READ_OFFSET + length));
    this.received = Buffer.concat([this.received, bytes]);
    this.handler.data?.(this, bytes);
    this.changed();
  }

  /** @internal */
  onEnd(): void {
    this.ended = true;
    this.handler.ended?.(this);
    this.changed();
  }

  /** @internal */
  onDrain(): void {}

  /** @internal */
  onClosed(reason: string): void {
    this.broken = reason;
    this.changed();
  }
}

/** What a server of bytes does with its connections. */
export interface TcpHandler {
  connected?(connection: TestConnection): void;
  data?(connection: TestConnection, bytes: Buffer): void;
  ended?(connection: TestConnection): void;
}

/** An application of bytes. */
export class TcpStub {
  constructor(readonly handler: TcpHandler) {}
}

/** An application of bytes, such as a database or a queue: functions that hear of its connections. */
export function tcpStub(handler: TcpHandler): TcpStub {
  return new TcpStub(handler);
}

/** What a service of bytes does where a test says nothing: sends back what comes. */
export const ECHO = tcpStub({ data: (connection, bytes) => connection.send(bytes), ended: (connection) => connection.end() });
