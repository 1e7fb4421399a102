import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './support';

interface LogLine { level: string; component: string; message: string; fields?: Record<string, string> }

/** One replica of the control plane: the bundle that images run, as a process. */
export class Replica {
  readonly lines: LogLine[] = [];
  private readonly waiting = new Set<() => void>();
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;

  /** @param more arguments beside those of every replica */
  constructor(readonly pod: string, namespace: string, config: string, more: readonly string[] = []) {
    const args = ['--source', 'kubernetes', '--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0', ...more];
    this.child = spawn(process.execPath, [join(ROOT, 'lib/runtime/control-plane.js'), ...args], {
      env: { ...process.env, KUBECONFIG: config, POD_NAME: pod, POD_NAMESPACE: namespace }, stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.ended = once(this.child, 'close');
    createInterface({ input: this.child.stderr! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as LogLine);
      for (const check of [...this.waiting]) check();
    });
  }

  /** The first line, from `from` on, of which it is true. */
  async said(holds: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    return new Promise((done) => {
      const check = () => {
        const found = this.lines.slice(from).find(holds);
        if (!found) return;
        this.waiting.delete(check);
        done(found);
      };
      this.waiting.add(check);
      check();
    });
  }

  async xdsPort(): Promise<number> {
    const { fields } = await this.said(({ message }) => message === 'serving');
    return Number(fields!.xds.split(':')[1]);
  }

  async leads(from = 0): Promise<LogLine> {
    return this.said(({ message }) => message.startsWith('leads: '), from);
  }

  /** At once, as a machine fails. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
