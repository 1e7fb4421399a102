import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the kernel wrote down of a process. */
export interface Accounting {
  /** Seconds of all threads in the program itself, and in the kernel on its behalf. */
  readonly user: number;
  readonly system: number;
  /** How often a thread slept because it had nothing to do, and how often it lost its core to somebody else. */
  readonly sleeps: number;
  readonly losses: number;
}

/** The kernel's unit of time in /proc; the same on all of Linux. */
const TICKS_A_SECOND = 100;

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
  processes(): number[] {
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

  accounting(): Accounting {
    let user = 0, system = 0, sleeps = 0, losses = 0;
    for (const id of this.processes()) {
      // Behind the name, which may have anything in it; of all threads (proc_pid_stat(5)).
      const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1].split(' ');
      user += Number(fields[11]) / TICKS_A_SECOND;
      system += Number(fields[12]) / TICKS_A_SECOND;
      for (const thread of readdirSync(`/proc/${id}/task`)) {
        const status = readFileSync(`/proc/${id}/task/${thread}/status`, 'utf8');
        sleeps += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
        losses += Number(/^nonvoluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
      }
    }
    return { user, system, sleeps, losses };
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
