import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { LoadGenerator, Work } from '../comparison';

/** `bulk`: bytes, half of the connections in each direction. `connect`: connections, each answered once and closed. */
export interface TcpShape {
  readonly kind: 'bulk' | 'connect';
  readonly connections: number;
  readonly milliseconds: number;
}

const MEGABYTE = 1e6;

/** `tcp.c`, compiled and running: the application that the proxies forward to, and the clients that call them. */
export class TcpLoad {
  private constructor(private readonly child: ChildProcess, private readonly lines: Interface) {}

  static async start(root: string, folder: string, core: number, options: { firstPort: number; ports: number }): Promise<TcpLoad> {
    const binary = join(folder, 'tcp');
    execFileSync('gcc', ['-O2', '-o', binary, join(root, 'bench/load/tcp.c')], { stdio: ['ignore', 'inherit', 'inherit'] });
    const child = spawn('taskset', ['-c', String(core), binary, String(options.firstPort), String(options.ports)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const load = new TcpLoad(child, createInterface({ input: child.stdout! }));
    const ready = await load.line();
    if (ready !== 'ready') throw new Error(`load: ${ready}`);
    return load;
  }

  /** A unit of `bulk` is a megabyte (10⁶), one of `connect` a connection. */
  generator(shape: TcpShape): LoadGenerator {
    return { run: async (port) => this.run(port, shape), processorTime: () => this.processorTime() };
  }

  stop(): void {
    this.child.stdin!.end();
  }

  private line(): Promise<string> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`the load generator ended (${this.child.exitCode ?? this.child.signalCode})`));
      this.child.once('exit', ended);
      this.lines.once('line', (text) => {
        this.child.off('exit', ended);
        resolve(text);
      });
    });
  }

  private async run(port: number, { kind, connections, milliseconds }: TcpShape): Promise<Work> {
    this.child.stdin!.write(`${kind} ${port} ${connections} ${milliseconds}\n`);
    const work = JSON.parse(await this.line()) as Work;
    return kind === 'bulk' ? { ...work, units: work.units / MEGABYTE } : work;
  }

  /** Nanoseconds on a processor; it has one thread. */
  private processorTime(): number {
    return Number(readFileSync(`/proc/${this.child.pid}/schedstat`, 'utf8').split(' ')[0]);
  }
}
