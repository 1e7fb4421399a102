import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { PodSpec, ProcessSpec } from './types';

/**
 * Child processes, each the leader of a process group, so that what it starts ends with it and a Ctrl-C of the terminal reaches only the runner,
 * which ends them in order. A guardian process holds their ids too: should the runner die without a word, it ends them.
 */
export class Processes {
  private readonly guardian: ChildProcess;
  private readonly logs = new Map<string, WriteStream>();
  private readonly running = new Set<number>();

  /**
   * @param guardianProgram script of the guardian
   * @param logFolder folder for one log file a pod
   */
  constructor(node: string, guardianProgram: string, private readonly logFolder: string) {
    // Of its own session: it must outlive whatever ends the runner.
    this.guardian = spawn(node, [guardianProgram], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.guardian.on('error', () => {});
    this.guardian.stdin!.on('error', () => {});
  }

  spawn(pod: PodSpec, { name, command, env, cwd }: ProcessSpec, onExit: (reason: string) => void): number {
    const child = spawn(command[0]!, command.slice(1), { cwd, env: { ...inherited(), ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const { pid } = child;
    if (pid === undefined) {
      child.once('error', (error) => onExit(error.message));
      return 0;
    }
    this.running.add(pid);
    this.guard(`+${pid}`);
    const log = this.log(pod);
    prefixed(child.stdout!, name, log);
    prefixed(child.stderr!, name, log);
    child.on('error', () => {});
    child.once('exit', (code, signal) => {
      this.running.delete(pid);
      // What it left behind in its group ends with it.
      killGroup(pid, 'SIGKILL');
      this.guard(`-${pid}`);
      onExit(signal === null ? `exit ${code}` : signal);
    });
    return pid;
  }

  signal(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.running.has(pid)) killGroup(pid, signal);
  }

  /** File of a pod's log. */
  logFile(pod: PodSpec): string {
    return join(this.logFolder, `${pod.namespace}.${pod.name}.log`);
  }

  /** Ends the guardian and the log files; call it when no process is left. */
  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.guardian.exitCode !== null || this.guardian.pid === undefined) resolve();
      else this.guardian.once('exit', () => resolve());
    });
    this.guardian.stdin!.end();
    await gone;
    await Promise.all([...this.logs.values()].map(async (log) => new Promise<void>((resolve) => log.end(resolve))));
  }

  private guard(line: string): void {
    if (this.guardian.stdin!.writable) this.guardian.stdin!.write(`${line}\n`);
  }

  private log(pod: PodSpec): WriteStream {
    const file = this.logFile(pod);
    let log = this.logs.get(file);
    if (!log) {
      log = createWriteStream(file, { flags: 'a', mode: 0o600 });
      // A full disk costs the log, not the mesh.
      log.on('error', () => {});
      this.logs.set(file, log);
    }
    return log;
  }
}

/** What a process gets of the runner's own environment: nothing that the manifest does not say, but what programs need to start at all. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

export function killGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** Copies whole lines, each with the process's name in front. */
function prefixed(from: Readable, name: string, to: WriteStream): void {
  let rest = '';
  from.setEncoding('utf8');
  from.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    if (lines.length > 0) to.write(lines.map((line) => `${name} | ${line}\n`).join(''));
  });
  from.on('end', () => { if (rest !== '') to.write(`${name} | ${rest}\n`); });
  from.on('error', () => {});
}
