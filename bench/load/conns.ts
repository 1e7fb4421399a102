import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** `conns.mjs`, running: the application that the proxies forward to, and the clients that stay. */
export class ConnectionLoad {
  private constructor(private readonly child: ChildProcess, private readonly lines: Interface) {}

  static async start(root: string, core: number, options: { firstPort: number; ports: number }): Promise<ConnectionLoad> {
    const command = ['-c', String(core), process.execPath, join(root, 'bench/load/conns.mjs'), String(options.firstPort), String(options.ports)];
    const child = spawn('taskset', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    const load = new ConnectionLoad(child, createInterface({ input: child.stdout! }));
    const ready = await load.line();
    if (ready !== 'ready') throw new Error(`load: ${ready}`);
    return load;
  }

  /** Opens connections that stay; each has had one answer. */
  async open(port: number, connections: number): Promise<void> {
    const { open } = await this.ask<{ open: number }>(`open ${port} ${connections}`);
    if (open !== connections) throw new Error(`load: ${open} of ${connections} connections are open`);
  }

  /** Reads one answer of `bytes`, slowly. */
  async slow(port: number, bytes: number): Promise<{ readonly seconds: number }> {
    return this.ask(`slow ${port} ${bytes}`);
  }

  async close(): Promise<void> {
    await this.ask('close');
  }

  stop(): void {
    this.child.stdin!.end();
  }

  private async ask<T>(command: string): Promise<T> {
    this.child.stdin!.write(`${command}\n`);
    const answer = JSON.parse(await this.line()) as T & { error?: string };
    if (answer.error !== undefined) throw new Error(`load: ${command}: ${answer.error}`);
    return answer;
  }

  private async line(): Promise<string> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`the load ended (${this.child.exitCode ?? this.child.signalCode})`));
      this.child.once('exit', ended);
      this.lines.once('line', (text) => {
        this.child.off('exit', ended);
        resolve(text);
      });
    });
  }
}
