import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly errors: number;
  readonly not200: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface LoadRun {
  readonly port: number;
  readonly connections: number;
  readonly milliseconds: number;
  /** Requests a second, or 0: each connection sends again when it is answered. */
  readonly rate: number;
}

/** `load.c`, compiled and running: the application that the proxies forward to, and the clients that call them. */
export class Load {
  private constructor(private readonly child: ChildProcess, private readonly lines: Interface) {}

  static async start(source: string, folder: string, core: number, options: { firstPort: number; ports: number; bodyBytes: number }): Promise<Load> {
    const binary = join(folder, 'load');
    execFileSync('gcc', ['-O2', '-o', binary, source], { stdio: ['ignore', 'inherit', 'inherit'] });
    const child = spawn('taskset', ['-c', String(core), binary, String(options.firstPort), String(options.ports), String(options.bodyBytes)],
      { stdio: ['pipe', 'pipe', 'inherit'] });
    const load = new Load(child, createInterface({ input: child.stdout! }));
    const ready = await load.line();
    if (ready !== 'ready') throw new Error(`load: ${ready}`);
    return load;
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

  async run({ port, connections, milliseconds, rate }: LoadRun): Promise<LoadResult> {
    this.child.stdin!.write(`run ${port} ${connections} ${milliseconds} ${rate} payment.shop /api/v1/items?id=42\n`);
    return JSON.parse(await this.line());
  }

  stop(): void {
    this.child.stdin!.end();
  }

  /** Nanoseconds on a processor; it has one thread. */
  processorTime(): number {
    return Number(readFileSync(`/proc/${this.child.pid}/schedstat`, 'utf8').split(' ')[0]);
  }
}
