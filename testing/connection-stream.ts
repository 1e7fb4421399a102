import { Duplex } from 'node:stream';
import { READ_OFFSET, type CloseReason, type Connection, type ConnectionHandler, type Transport } from '../runtime/proxy/transport';

/** A connection of a transport as a stream, for Node's own HTTP/2: nothing that a test speaks it with is ours. */
export class ConnectionStream extends Duplex implements ConnectionHandler {
  private connection!: Connection;
  private connected = true;
  private written: (() => void) | undefined;

  private constructor(private readonly transport: Transport) {
    super({ allowHalfOpen: true });
  }

  /** To an address; what is written waits until it is connected. */
  static to(transport: Transport, address: string, port: number): ConnectionStream {
    const stream = new ConnectionStream(transport);
    stream.connected = false;
    stream.connection = transport.connect(address, port, stream);
    return stream;
  }

  /** Of an accepted connection. */
  static of(transport: Transport, connection: Connection): ConnectionStream {
    const stream = new ConnectionStream(transport);
    stream.connection = connection;
    connection.handler = stream;
    return stream;
  }

  onConnect(): void {
    this.connected = true;
    this.drained();
  }

  onData(length: number): void {
    this.arrive(Buffer.from(this.transport.input.subarray(READ_OFFSET, READ_OFFSET + length)));
  }

  /** Bytes that were read before. */
  arrive(bytes: Buffer): void {
    if (!this.push(bytes)) this.connection.readStop();
  }

  onEnd(): void {
    this.push(null);
  }

  onDrain(): void {
    this.drained();
  }

  onClosed(reason: CloseReason): void {
    this.destroy(new Error(reason));
  }

  private drained(): void {
    const { written } = this;
    this.written = undefined;
    written?.();
  }

  override _read(): void {
    this.connection.readStart();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const write = (): void => {
      if (this.connection.write(chunk, 0, chunk.length)) done();
      else this.written = done;
    };
    if (this.connected) write();
    else this.written = write;
  }

  override _final(done: () => void): void {
    this.connection.shutdown();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error) this.connection.reset();
    else this.connection.close();
    done(error);
  }
}
