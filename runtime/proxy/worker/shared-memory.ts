import type { MessagePort } from 'node:worker_threads';
import type { SharedMemory } from '../shared-memory';
import type { MemoryRequest } from './messages';

/** Memory that workers share, by name. The main thread has it made; it lasts as long as any worker holds it. */
export class MemoryRegistry {
  private readonly held = new Map<string, { readonly buffer: SharedArrayBuffer; readonly workers: Set<number> }>();

  get(name: string, bytes: number, worker: number): SharedArrayBuffer {
    let entry = this.held.get(name);
    if (entry === undefined) this.held.set(name, entry = { buffer: new SharedArrayBuffer(bytes), workers: new Set() });
    if (entry.buffer.byteLength !== bytes) throw new Error(`shared memory ${name} has ${entry.buffer.byteLength} bytes, and not ${bytes}`);
    entry.workers.add(worker);
    return entry.buffer;
  }

  release(name: string, worker: number): void {
    const entry = this.held.get(name);
    entry?.workers.delete(worker);
    if (entry?.workers.size === 0) this.held.delete(name);
  }

  /** A worker is gone. Returns what it held and others still hold. */
  forget(worker: number): ReadonlyMap<string, SharedArrayBuffer> {
    const left = [...this.held].filter(([, { workers }]) => workers.has(worker));
    for (const [name] of left) this.release(name, worker);
    return new Map(left.filter(([name]) => this.held.has(name)).map(([name, { buffer }]) => [name, buffer]));
  }

  get size(): number {
    return this.held.size;
  }

  /** Answers a worker's requests. */
  serve(port: MessagePort, worker: number): void {
    port.on('message', (request: MemoryRequest) => {
      if (request.kind === 'release') {
        this.release(request.name, worker);
        return;
      }
      // First the answer, then the signal: who waits finds it.
      port.postMessage(this.get(request.name, request.bytes, worker));
      const signal = new Int32Array(request.signal);
      Atomics.store(signal, 0, 1);
      Atomics.notify(signal, 0);
    });
  }
}

/** Milliseconds that the main thread may take to answer. */
const LONGEST_WAIT = 5_000;

/** Takes the next message off a port, as `receiveMessageOnPort`. */
export type Receive = (port: MessagePort) => { readonly message: unknown } | undefined;

/** The worker's side. What nobody here uses any more is given back once it has been collected. */
export class MemoryClient implements SharedMemory {
  private readonly known = new Map<string, WeakRef<SharedArrayBuffer>>();
  private readonly collected = new FinalizationRegistry<string>((name) => {
    if (this.known.get(name)?.deref() !== undefined) return;
    this.known.delete(name);
    this.port.postMessage({ kind: 'release', name } satisfies MemoryRequest);
  });

  constructor(private readonly port: MessagePort, private readonly receive: Receive) {}

  get(name: string, bytes: number): SharedArrayBuffer {
    const known = this.known.get(name)?.deref();
    if (known !== undefined) return known;
    const signal = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.port.postMessage({ kind: 'get', name, bytes, signal } satisfies MemoryRequest);
    if (Atomics.wait(new Int32Array(signal), 0, 0, LONGEST_WAIT) === 'timed-out') throw new Error('the main thread did not answer');
    const buffer = this.receive(this.port)!.message as SharedArrayBuffer;
    this.known.set(name, new WeakRef(buffer));
    this.collected.register(buffer, name);
    return buffer;
  }
}
