import type { HealthCheckConfig } from '../config/types';
import { Head } from '../http1/head';
import type { CloseReason, Connection, ConnectionHandler } from '../transport';
import { READ_OFFSET } from '../transport';

/** `unhealthy`: the host answered, and said so; `network`: there was no answer. */
export type ProbeResult = 'healthy' | 'unhealthy' | 'network';

/** Bytes of an answer's head, or of all that an upstream of HTTP/2 says, at most. */
export const MAX_ANSWER = 64 * 1024;

/** One check of one host, over a connection of its own, which ends with it. */
export abstract class Probe implements ConnectionHandler {
  connection!: Connection;
  private over = false;
  protected received: Buffer = Buffer.alloc(0);

  constructor(private readonly input: Buffer, private readonly done: (result: ProbeResult) => void) {}

  /** Nobody waits for its result any more. */
  cancel(): void {
    this.over = true;
    this.connection.close();
  }

  protected finish(result: ProbeResult): void {
    if (this.over) return;
    this.cancel();
    this.done(result);
  }

  protected send(bytes: Buffer): void {
    this.connection.write(bytes, 0, bytes.length);
  }

  abstract onConnect(): void;
  /** More of the answer is in `received`. */
  protected abstract onBytes(): void;

  onData(length: number): void {
    this.received = Buffer.concat([this.received, this.input.subarray(READ_OFFSET, READ_OFFSET + length)]);
    if (this.received.length > MAX_ANSWER) this.finish('network');
    else this.onBytes();
  }

  onEnd(): void {
    this.finish('network');
  }

  onDrain(): void {}

  onClosed(_reason: CloseReason): void {
    this.finish('network');
  }
}

/** A connection, perhaps with TLS, is all that is asked. */
export class TcpProbe extends Probe {
  onConnect(): void {
    this.finish('healthy');
  }

  protected onBytes(): void {}
}

/** GET, and the status of what comes. */
export class HttpProbe extends Probe {
  private readonly head = new Head();

  constructor(private readonly config: HealthCheckConfig & { readonly kind: 'http' }, input: Buffer, done: (result: ProbeResult) => void) {
    super(input, done);
  }

  onConnect(): void {
    const { path, host } = this.config;
    this.send(Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: meshwright/HC\r\nconnection: close\r\n\r\n`, 'latin1'));
  }

  protected onBytes(): void {
    for (;;) {
      const length = this.head.parseResponse(this.received, 0, this.received.length);
      if (length === 0) return;
      if (length < 0) {
        this.finish('network');
        return;
      }
      if (this.head.status >= 200) {
        this.finish(expects(this.config, this.head.status) ? 'healthy' : 'unhealthy');
        return;
      }
      this.received = this.received.subarray(length);
    }
  }
}

export function expects({ expectedStatuses }: Pick<HealthCheckConfig & { readonly kind: 'http' }, 'expectedStatuses'>, status: number): boolean {
  return expectedStatuses.some(({ start, end }) => status >= start && status < end);
}
