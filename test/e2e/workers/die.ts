/** Two workers in threads, of which one ends; prints what became of the connections of each. Run by workers.test.ts under the image's Node.js. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { systemClock } from '../../../runtime/clock';
import { createLog } from '../../../runtime/proxy/observe/log';
import { startWorkers } from '../../../runtime/proxy/worker/start';
import type { WorkerSlot } from '../../../runtime/proxy/worker/worker-slot';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../../runtime/proxy/support/config';

const { upstream, worker } = JSON.parse(readFileSync(process.argv[2], 'utf8')) as { upstream: number; worker: string };

class Client {
  private readonly socket: Socket;
  private text = '';
  private readonly waiting: (() => void)[] = [];
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => this.happened(() => { this.text += bytes.toString('latin1'); }));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => this.happened(() => { this.closed = true; }));
  }

  private happened(what: () => void): void {
    what();
    for (const tell of this.waiting.splice(0)) tell();
  }

  private async until(test: () => boolean): Promise<void> {
    while (!test()) await new Promise<void>((tell) => this.waiting.push(tell));
  }

  async get(): Promise<number> {
    this.text = '';
    this.socket.write('GET / HTTP/1.1\r\nhost: shop\r\n\r\n');
    await this.until(() => this.closed || this.text.includes('\r\n\r\none'));
    return Number(this.text.slice(9, 12));
  }

  async end(): Promise<void> {
    await this.until(() => this.closed);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

async function main(): Promise<void> {
  const lines: string[] = [];
  const waiting: (() => void)[] = [];
  const log = createLog(systemClock, 'info', (line) => {
    lines.push(line);
    for (const tell of waiting.splice(0)) tell();
  });
  const pool = await startWorkers({ workers: 2, transport: 'raw', overload: undefined, clock: systemClock, log, logLevel: 'info' }, worker);
  await pool.apply(snapshot(listenerConfig(), routeTable([routeConfig(actionConfig())]), [[clusterConfig({ statName: 'payment' }), [upstream]]]));
  const [{ port }] = pool.listeners;
  const { slots } = pool as unknown as { slots: readonly WorkerSlot[] };
  /** Connections by the worker that has them: which one it is shows in its counts. */
  const byWorker = new Map<number, Client>();
  while (byWorker.size < 2) {
    const counted = async (): Promise<number[]> => {
      await pool.report();
      return slots.map(({ report }) => report!.connections);
    };
    const was = await counted();
    const client = new Client(port);
    await client.get();
    const is = await counted();
    const index = is.findIndex((count, at) => count > was[at]);
    // None: it came to the worker that saw another one end meanwhile.
    if (index < 0 || byWorker.has(index)) client.destroy();
    else byWorker.set(index, client);
  }
  const [first, second] = [byWorker.get(0)!, byWorker.get(1)!];
  const before = [await first.get(), await second.get()];
  slots[0].thread.terminate();
  await first.end();
  const other = await second.get();
  // Until the new one serves: it has been asked for once the death is known, and comes after its word that it is there.
  while (!lines.some((line) => line.includes('worker died'))) await new Promise<void>((tell) => waiting.push(tell));
  let after = 0;
  while (after !== 200) after = await new Client(port).get();
  const { clusters } = await pool.report();
  console.log(JSON.stringify({
    before, own: first.closed ? 'closed' : 'open', other, after, restarts: pool.restarts, inUse: clusters[0].activeRequests,
  }));
  process.exit(0);
}

void main();
