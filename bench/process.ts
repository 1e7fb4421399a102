import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that is measured: pinned to one core, accounted by the kernel. */
export class Measured {
  private constructor(readonly name: string, readonly child: ChildProcess, private readonly errors: { text: string }) {}

  static start(name: string, core: number, command: readonly string[]): Measured {
    const child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
    const errors = { text: '' };
    child.stderr!.on('data', (chunk) => { errors.text = (errors.text + chunk).slice(-4000); });
    return new Measured(name, child, errors);
  }

  /** Waits until it accepts connections at a port of 127.0.0.1. */
  async ready(port: number): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (this.child.exitCode !== null) throw new Error(`${this.name} ended with ${this.child.exitCode} instead of listening on ${port}: ${this.errors.text}`);
      if (await accepts(port)) return;
      await sleep(50);
    }
    throw new Error(`${this.name} does not listen on 127.0.0.1:${port}: ${this.errors.text}`);
  }

  /** taskset replaces itself by the program, so this is the program's own id; nginx adds its worker. */
  private processes(): number[] {
    const own = this.child.pid!;
    const children = readFileSync(`/proc/${own}/task/${own}/children`, 'utf8').trim();
    return [own, ...(children === '' ? [] : children.split(' ').map(Number))];
  }

  /** Nanoseconds that all threads have spent on a processor, user and system, by the scheduler's own accounting. */
  processorTime(): number {
    let total = 0;
    for (const id of this.processes()) {
      for (const thread of readdirSync(`/proc/${id}/task`)) total += Number(readFileSync(`/proc/${id}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
    return total;
  }

  /** Resident memory in megabytes (10⁶). */
  residentMemory(): number {
    return this.memory('status', /VmRSS:\s+(\d+) kB/);
  }

  /** Memory that no other process shares, in megabytes (10⁶). */
  privateMemory(): number {
    return this.memory('smaps_rollup', /Private_Dirty:\s+(\d+) kB/);
  }

  private memory(file: string, pattern: RegExp): number {
    return this.processes().reduce((sum, id) => sum + (Number(pattern.exec(readFileSync(`/proc/${id}/${file}`, 'utf8'))![1]) * 1024) / 1e6, 0);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const forced = setTimeout(() => this.child.kill('SIGKILL'), 3000);
    await ended;
    clearTimeout(forced);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}
