import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { LoadGenerator, Work } from '../comparison';

interface Result {
  readonly requests: number;
  readonly seconds: number;
  readonly errors: number;
  readonly not200: number;
  readonly p50: number;
  readonly p99: number;
}

/** How HTTP/2 is asked for: a closed loop on each stream. */
export interface Http2Shape {
  readonly connections: number;
  readonly streams: number;
  readonly milliseconds: number;
}

/** `h2.c`, compiled and running: the application that the proxies forward to, and the clients that call them. */
export class Http2Load {
  private constructor(private readonly child: ChildProcess, private readonly lines: Interface) {}

  /** @param options whether it is about unary calls of gRPC; the application's ports, `ports` of them from `firstPort` on, and the length of its answers. */
  static async start(
    root: string, folder: string, core: number, options: { firstPort: number; ports: number; bodyBytes: number; grpc?: boolean },
  ): Promise<Http2Load> {
    const binary = join(folder, 'h2');
    execFileSync('gcc', ['-O2', '-o', binary, join(root, 'bench/load/h2.c')], { stdio: ['ignore', 'inherit', 'inherit'] });
    const { firstPort, ports, bodyBytes, grpc = false } = options;
    const child = spawn('taskset', ['-c', String(core), binary, ...[firstPort, ports, bodyBytes].map(String), ...grpc ? ['grpc'] : []],
      { stdio: ['pipe', 'pipe', 'inherit'] });
    const load = new Http2Load(child, createInterface({ input: child.stdout! }));
    const ready = await load.line();
    if (ready !== 'ready') throw new Error(`h2: ${ready}`);
    return load;
  }

  generator(shape: Http2Shape): LoadGenerator {
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

  private async run(port: number, { connections, streams, milliseconds }: Http2Shape): Promise<Work> {
    this.child.stdin!.write(`run ${port} ${connections} ${streams} ${milliseconds} payment.shop /api/v1/items?id=42\n`);
    const { requests, seconds, errors, not200, p50, p99 } = JSON.parse(await this.line()) as Result;
    return { units: requests, seconds, failures: errors + not200, p50, p99 };
  }

  /** Nanoseconds on a processor; it has one thread. */
  private processorTime(): number {
    return Number(readFileSync(`/proc/${this.child.pid}/schedstat`, 'utf8').split(' ')[0]);
  }
}
