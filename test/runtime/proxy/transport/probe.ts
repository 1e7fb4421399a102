import { READ_OFFSET, type CloseReason, type Connection, type ConnectionHandler, type Transport } from '../../../../runtime/proxy/transport';

/** Turns a connection's events into promises. */
export class Probe implements ConnectionHandler {
  connection!: Connection;
  readonly chunks: Buffer[] = [];
  connected = false;
  ended = false;
  drains = 0;
  reason: CloseReason | undefined;
  private waiting: { test: () => boolean; resolve: () => void }[] = [];

  constructor(private readonly transport: Transport) {}

  onConnect(): void { this.connected = true; this.settle(); }

  onData(length: number): void {
    this.chunks.push(Buffer.from(this.transport.input.subarray(READ_OFFSET, READ_OFFSET + length)));
    this.settle();
  }

  onEnd(): void { this.ended = true; this.settle(); }
  onDrain(): void { this.drains++; this.settle(); }
  onClosed(reason: CloseReason): void { this.reason = reason; this.settle(); }

  get text(): string { return Buffer.concat(this.chunks).toString('latin1'); }
  get length(): number { return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0); }

  async until(test: () => boolean): Promise<void> {
    if (test()) return;
    await new Promise<void>((resolve) => this.waiting.push({ test, resolve }));
  }

  private settle(): void {
    this.waiting = this.waiting.filter(({ test, resolve }) => {
      if (!test()) return true;
      resolve();
      return false;
    });
  }
}
