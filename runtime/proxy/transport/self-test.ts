import type { Clock } from '../../clock';
import type { SelfTestTls } from './self-test-tls';
import { READ_OFFSET, type Acceptor, type Connection, type ConnectionHandler, type Transport } from './types';

const SIZE = 6 * 1024 * 1024;
const CHUNK = 48 * 1024;
const LIMIT = 3000;

/** After so many bytes the pattern begins again. */
const PERIOD = 64 * 1024;

/** Two periods, so that what begins anywhere in the first is one piece. Copied and compared as pieces: the test costs the system calls, no loops. */
function makePattern(): Buffer {
  const pattern = Buffer.allocUnsafeSlow(2 * PERIOD);
  for (let i = 0; i < PERIOD; i++) pattern[i] = (i * 31 + (i >>> 8)) & 0xff;
  pattern.copy(pattern, PERIOD, 0, PERIOD);
  return pattern;
}

/**
 * Sends 6 MiB over loopback to a reader that stands still until the system takes no more, then reads it all back byte for byte, answers, and both
 * sides half-close and close: every call that the data path makes. Rejects where any step fails or does not come within three seconds.
 */
export async function selfTest(transport: Transport, clock: Clock, tls?: SelfTestTls): Promise<void> {
  let acceptor: Acceptor | undefined;
  const connections: Connection[] = [];
  const pattern = makePattern();
  let stopTimer = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = clock.setTimer(LIMIT, () => reject(new Error(`the ${transport.name} transport did not finish its self-test`)));
      stopTimer = () => timer.cancel();
      const attempt = (step: () => void) => () => {
        try {
          step();
        } catch (error) {
          reject(error as Error);
        }
      };
      const serve = (connection: Connection) => {
        const reader = new Reader(transport, pattern, reject);
        reader.connection = tls === undefined ? connection : transport.secure(connection, tls.server, reader);
        reader.connection.handler = reader;
        connections.push(reader.connection);
      };
      transport.listen({ address: '127.0.0.1', port: 0 }, serve).then((bound) => {
        acceptor = bound;
        attempt(() => {
          const writer = new Writer(transport, pattern, () => connections[1], resolve, reject);
          writer.connection = transport.connect('127.0.0.1', bound.port, writer, tls?.client);
          connections.unshift(writer.connection);
        })();
      }, reject);
    });
  } finally {
    stopTimer();
    for (const connection of connections) connection.close();
    await acceptor?.close();
  }
}

class Writer implements ConnectionHandler {
  connection!: Connection;
  private sent = 0;
  private stalls = 0;
  private answer = 0;

  constructor(
    private readonly transport: Transport,
    private readonly pattern: Buffer,
    private readonly reader: () => Connection | undefined,
    private readonly done: () => void,
    private readonly failed: (error: Error) => void,
  ) {}

  /** Only once the reader has answered the first chunk is it sure to stand still. */
  onConnect(): void {
    this.writeChunk();
  }

  private writeChunk(): boolean {
    const length = Math.min(CHUNK, SIZE - this.sent);
    const from = this.sent % PERIOD;
    this.pattern.copy(this.transport.output, 0, from, from + length);
    this.sent += length;
    return this.connection.flush(length);
  }

  private produce(): void {
    while (this.sent < SIZE) {
      if (!this.writeChunk()) {
        // The system may take the rest of a write right after it took the first part: nothing is pending then, and it still tells later.
        if (this.connection.pendingBytes > 0) this.stalls++;
        this.reader()?.readStart();
        return;
      }
    }
    this.connection.shutdown();
  }

  onDrain(): void {
    this.produce();
  }

  onData(length: number): void {
    if (this.answer === 0) this.produce();
    this.answer += length;
  }

  onEnd(): void {
    if (this.stalls === 0) this.failed(new Error('no write ever waited with bytes pending'));
    else if (this.answer !== 3) this.failed(new Error(`an answer of 3 bytes came as ${this.answer}`));
    else this.done();
  }

  onClosed(reason: string): void {
    this.failed(new Error(`connection ended by ${reason}${this.connection.failure === undefined ? '' : `: ${this.connection.failure.text}`}`));
  }
}

class Reader implements ConnectionHandler {
  connection!: Connection;
  private received = 0;
  private stood = false;

  constructor(
    private readonly transport: Transport,
    private readonly pattern: Buffer,
    private readonly failed: (error: Error) => void,
  ) {}

  onConnect(): void {}
  onDrain(): void {}

  onData(length: number): void {
    const { input } = this.transport;
    for (let done = 0; done < length;) {
      const from = (this.received + done) % PERIOD;
      const piece = Math.min(PERIOD, length - done);
      const start = READ_OFFSET + done;
      if (this.pattern.compare(input, start, start + piece, from, from + piece) !== 0) {
        this.failed(new Error(`bytes from ${this.received + done} on arrived changed`));
        return;
      }
      done += piece;
    }
    this.received += length;
    if (this.stood) return;
    // The writer starts it again once its writes wait.
    this.stood = true;
    this.connection.readStop();
    this.connection.write(Buffer.from('-'), 0, 1);
  }

  onEnd(): void {
    if (this.received !== SIZE) this.failed(new Error(`${SIZE} bytes arrived as ${this.received}`));
    this.connection.write(Buffer.from('ok'), 0, 2);
    this.connection.shutdown();
  }

  onClosed(reason: string): void {
    this.failed(new Error(`connection ended by ${reason}${this.connection.failure === undefined ? '' : `: ${this.connection.failure.text}`}`));
  }
}
