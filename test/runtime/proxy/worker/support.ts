import type { MessagePort } from 'node:worker_threads';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import type { LineSink } from '../../../../runtime/proxy/observe/line-writer';
import { createLog } from '../../../../runtime/proxy/observe/log';
import { DataPlaneWorker } from '../../../../runtime/proxy/worker/data-plane-worker';
import type { FromWorker, MemoryRequest, ToWorker } from '../../../../runtime/proxy/worker/messages';
import { WorkerPool } from '../../../../runtime/proxy/worker/pool';
import { MemoryRegistry } from '../../../../runtime/proxy/worker/shared-memory';
import { MemoryTransport } from '../support/memory-transport';

/** One worker of the pool: its network, and how to end it. */
export interface FakeThread {
  readonly transport: MemoryTransport;
  /** As an exception that nobody can go on after. */
  die(reason: string): void;
  /** Messages to it wait. */
  busy: boolean;
  terminated: boolean;
}

/** The lines that were written to access logs, and which of those are open. */
export class FakeLogs {
  readonly lines: string[] = [];
  readonly open = new Set<string>();
  reopened = 0;

  readonly sink = (path: string): LineSink => {
    this.open.add(path);
    return {
      dropped: 0,
      problem: undefined,
      write: (line) => void this.lines.push(line),
      append: (bytes, end) => void this.lines.push(bytes.toString('utf8', 0, end)),
      reopen: () => void this.reopened++,
      close: async () => void this.open.delete(path),
    };
  };
}

/** A pool whose workers are in this thread: everything that crosses is cloned as between threads, on virtual time. */
export class PoolHarness {
  readonly clock = new VirtualClock();
  readonly memory = new MemoryRegistry();
  readonly logs = new FakeLogs();
  /** By index; a worker that was replaced is not here any more. */
  readonly threads: FakeThread[] = [];
  readonly logged: string[] = [];
  /** Every worker that was started. */
  started = 0;
  pool!: WorkerPool;

  /** @param dies why workers die before they are ready; undefined: they do not. */
  static async start(workers = 2, dies?: string): Promise<PoolHarness> {
    const harness = new PoolHarness(dies);
    harness.pool = await WorkerPool.start({
      workers,
      clock: harness.clock,
      memory: harness.memory,
      buffered: new SharedArrayBuffer(workers * 8),
      log: createLog(harness.clock, 'info', (line) => harness.logged.push((JSON.parse(line) as { message: string }).message)),
      openLog: harness.logs.sink,
      spawn: (index, message, exited) => harness.spawn(index, workers, message, exited),
    });
    return harness;
  }

  private constructor(private readonly dies: string | undefined) {}

  private spawn(index: number, workers: number, message: (message: FromWorker) => void, exited: (reason: string) => void) {
    this.started++;
    const transport = new MemoryTransport();
    const toWorker: ToWorker[] = [];
    let dead = false;
    const later = (run: () => void): void => queueMicrotask(() => { if (!dead) run(); });
    let worker: DataPlaneWorker | undefined;
    const deliver = (): void => {
      if (thread.busy) return;
      for (const next of toWorker.splice(0)) worker?.onMessage(next);
    };
    const end = (reason: string): void => {
      if (dead) return;
      dead = true;
      queueMicrotask(() => exited(reason));
    };
    const thread: FakeThread = { transport, busy: false, terminated: false, die: end };
    this.threads[index] = thread;
    const post = (said: FromWorker): void => {
      const copy = structuredClone(said);
      later(() => message(copy));
    };
    const port = new FakePort(this.memory, index);
    later(() => {
      if (this.dies !== undefined) {
        end(this.dies);
        return;
      }
      worker = new DataPlaneWorker({
        index, workers, transport: 'portable', overload: undefined, logLevel: 'info', ticketSecret: new Uint8Array(32), timeOrigin: 0,
        buffered: new SharedArrayBuffer(workers * 8), memory: port as unknown as MessagePort,
      }, { clock: this.clock, random: () => 0.5, transport, receive: () => port.receive(), post });
    });
    return {
      post: (said: ToWorker) => {
        toWorker.push(structuredClone(said));
        later(deliver);
      },
      terminate: () => {
        thread.terminated = true;
        end('terminated');
      },
    };
  }

  /** What a client of worker `index` gets for a request; the upstream answers with `status`. */
  request(index: number, { port, status = 200, path = '/' }: { port: number; status?: number; path?: string }): string {
    const { transport } = this.threads[index];
    const client = transport.client(port);
    const before = transport.connected.length;
    client.deliver(`GET ${path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n`);
    transport.settle();
    const upstream = transport.connected.length > before ? transport.last
      : transport.connected.find(({ closed, writes }) => !closed && writes.length > 0);
    if (client.received === '' && upstream) upstream.deliver(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    transport.settle();
    return client.received.split('\r\n')[0].split(' ')[1];
  }

  /** Lets all messages that are under way arrive, and what they bring about. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => queueMicrotask(resolve));
  }
}

/** A port to the registry that answers within the call, as there is no other thread to wait for. */
class FakePort {
  private readonly answers: unknown[] = [];

  constructor(private readonly memory: MemoryRegistry, private readonly worker: number) {}

  postMessage(request: MemoryRequest): void {
    if (request.kind === 'release') {
      this.memory.release(request.name, this.worker);
      return;
    }
    this.answers.push(this.memory.get(request.name, request.bytes, this.worker));
    Atomics.store(new Int32Array(request.signal), 0, 1);
  }

  receive(): { message: unknown } | undefined {
    return this.answers.length === 0 ? undefined : { message: this.answers.shift() };
  }
}
