import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { LOAD_CORE } from '../comparison';
import { callees, SERVICES, type Scope } from './mesh';

/** Processes that the clients are spread over. */
const PROCESSES = 2;

/** A child that answers each line with a line. */
export class Talking {
  private readonly lines: Interface;

  private constructor(readonly child: ChildProcess) {
    this.lines = createInterface({ input: child.stdout! });
  }

  static async start(core: number, command: readonly string[]): Promise<Talking> {
    const started = new Talking(spawn('taskset', ['-c', String(core), ...command], { stdio: ['pipe', 'pipe', 'inherit'] }));
    const first = await started.line();
    if (first !== 'ready') throw new Error(`${command.join(' ')}: ${first}`);
    return started;
  }

  say(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  async line(): Promise<string> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`a process ended (${this.child.exitCode ?? this.child.signalCode})`));
      this.child.once('exit', ended);
      this.lines.once('line', (text) => {
        this.child.off('exit', ended);
        resolve(text);
      });
    });
  }

  async ask(line: string): Promise<{ readonly at: number }> {
    this.say(line);
    const answer = JSON.parse(await this.line()) as { at: number; error?: string };
    if (answer.error !== undefined) throw new Error(`load: ${line}: ${answer.error}`);
    return answer;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }
}

/** Delta ADS clients of one server, in processes of their own. */
export class Streams {
  private constructor(private readonly processes: readonly Talking[], readonly proxies: number, private readonly scope: Scope) {}

  static async open(root: string, port: number, proxies: number, scope: Scope): Promise<Streams> {
    const processes = await Promise.all(Array.from({ length: PROCESSES }, async () => (
      Talking.start(LOAD_CORE, [process.execPath, join(root, 'bench/load/xds.mjs')]))));
    const streams = new Streams(processes, proxies, scope);
    try {
      await streams.all((index) => `open ${port} ${index * streams.share} ${streams.share} ${SERVICES}`);
    } catch (error) {
      await streams.close();
      throw error;
    }
    return streams;
  }

  /** Clients that have the endpoint that changes. */
  get concerned(): number {
    return this.concernedIn(0, this.proxies);
  }

  /** @returns when the last of all clients that are concerned has acknowledged the change, by the monotonic clock in nanoseconds. */
  async watch(): Promise<number> {
    return this.all((index) => `watch ${this.concernedIn(index * this.share, this.share)}`);
  }

  /** @returns when all clients have lost their connections, connected anew, and have everything. */
  async again(): Promise<number> {
    return this.all(() => 'again');
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map(async (one) => one.stop()));
  }

  private get share(): number {
    return this.proxies / PROCESSES;
  }

  private concernedIn(first: number, count: number): number {
    const services = Array.from({ length: count }, (_, offset) => (first + offset) % SERVICES);
    return services.filter((service) => callees(service, this.scope).includes(0)).length;
  }

  private async all(command: (index: number) => string): Promise<number> {
    const answers = await Promise.all(this.processes.map(async (one, index) => one.ask(command(index))));
    return Math.max(...answers.map(({ at }) => at));
  }
}
