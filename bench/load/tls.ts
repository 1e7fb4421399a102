import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { LoadGenerator, Work } from '../comparison';
import type { Pki } from '../peers/tls';

/** `requests`: over connections that stay. `handshakes`: a full one for each request. */
export interface TlsShape {
  readonly kind: 'requests' | 'handshakes';
  readonly connections: number;
  readonly milliseconds: number;
}

/** `tls.c`, compiled and running: clients that show a certificate and check the one they see. */
export class TlsLoad {
  private constructor(private readonly child: ChildProcess, private readonly lines: Interface) {}

  static async start(root: string, folder: string, core: number, { client, key, authority, host }: Pki): Promise<TlsLoad> {
    const binary = join(folder, 'tls');
    execFileSync('gcc', ['-O2', '-o', binary, join(root, 'bench/load/tls.c'), '-lssl', '-lcrypto'], { stdio: ['ignore', 'inherit', 'inherit'] });
    const child = spawn('taskset', ['-c', String(core), binary, client, key, authority, host], { stdio: ['pipe', 'pipe', 'inherit'] });
    const load = new TlsLoad(child, createInterface({ input: child.stdout! }));
    const ready = await load.line();
    if (ready !== 'ready') throw new Error(`load: ${ready}`);
    return load;
  }

  generator(shape: TlsShape): LoadGenerator {
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

  private async run(port: number, { kind, connections, milliseconds }: TlsShape): Promise<Work> {
    this.child.stdin!.write(`run ${port} ${connections} ${milliseconds} ${kind}\n`);
    return JSON.parse(await this.line()) as Work;
  }

  /** Nanoseconds on a processor; it has one thread. */
  private processorTime(): number {
    return Number(readFileSync(`/proc/${this.child.pid}/schedstat`, 'utf8').split(' ')[0]);
  }
}
