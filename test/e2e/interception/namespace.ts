import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const run = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

function removed(...args: string[]): void {
  try {
    execFileSync('ip', args, { stdio: 'ignore' });
  } catch {
    // It is not there.
  }
}

/** A bridge of this machine that pods are on together. */
export class Bridge {
  /** @param net third part of 10.77.x.0/24 and of fd77:x::/64 */
  constructor(readonly name: string, readonly net: number) {
    this.remove();
    run('link', 'add', name, 'type', 'bridge');
    addressed(name, net);
  }

  get v4(): string { return `10.77.${this.net}.1`; }
  get v6(): string { return `fd77:${this.net}::1`; }

  /** Another address of this machine on it. */
  alsoAt(v4: string): void {
    run('addr', 'add', `${v4}/24`, 'dev', this.name);
  }

  remove(): void {
    removed('link', 'del', this.name);
  }
}

/** Gives this machine's side of a network its addresses. */
function addressed(link: string, net: number): void {
  run('addr', 'add', `10.77.${net}.1/24`, 'dev', link);
  run('-6', 'addr', 'add', `fd77:${net}::1/64`, 'dev', link, 'nodad');
  run('link', 'set', link, 'up');
}

/** A network namespace of the test's own, joined to the machine by a veth: a pod. Everything beyond goes to this side of the veth, or to the bridge. */
export class Pod {
  readonly processes: ChildProcess[] = [];

  /**
   * @param net third part of 10.77.x.0/24 and of fd77:x::/64
   * @param last part of its addresses
   */
  constructor(readonly name: string, readonly net: number, private readonly last = 2, bridge?: Bridge) {
    this.remove();
    run('netns', 'add', name);
    run('link', 'add', this.link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    if (bridge) run('link', 'set', this.link, 'master', bridge.name, 'up');
    else addressed(this.link, net);
    const inside = (...args: string[]) => run('-n', name, ...args);
    inside('link', 'set', 'lo', 'up');
    inside('addr', 'add', `${this.v4}/24`, 'dev', 'eth0');
    inside('-6', 'addr', 'add', `${this.v6}/64`, 'dev', 'eth0', 'nodad');
    inside('link', 'set', 'eth0', 'up');
    inside('route', 'add', 'default', 'via', this.hostV4);
    inside('-6', 'route', 'add', 'default', 'via', this.hostV6);
  }

  get link(): string { return `${this.name}0`; }
  get v4(): string { return `10.77.${this.net}.${this.last}`; }
  get v6(): string { return `fd77:${this.net}::${this.last}`; }
  get hostV4(): string { return `10.77.${this.net}.1`; }
  get hostV6(): string { return `fd77:${this.net}::1`; }

  private get etc(): string { return join('/etc/netns', this.name); }

  /** Names that are known in it alone. */
  hosts(names: Readonly<Record<string, string>>): void {
    mkdirSync(this.etc, { recursive: true });
    writeFileSync(join(this.etc, 'hosts'), Object.entries(names).map(([name, address]) => `${address} ${name}\n`).join(''));
  }

  /** A program in it, as a user. */
  spawn(user: number, program: string, ...args: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, 'setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', program, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.processes.push(child);
    return child;
  }

  /** What a program of a user writes until it ends. */
  async run(user: number, program: string, ...args: string[]): Promise<string> {
    const child = this.spawn(user, program, ...args);
    let text = '';
    child.stdout!.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    child.stderr!.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    await once(child, 'close');
    return text.trim();
  }

  /** As root of the namespace alone. */
  root(program: string, args: readonly string[], input?: string): string {
    return execFileSync('ip', ['netns', 'exec', this.name, program, ...args], { encoding: 'utf8', input });
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null).map(async (child) => {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    }));
    this.remove();
  }

  private remove(): void {
    removed('link', 'del', this.link);
    removed('netns', 'del', this.name);
    rmSync(this.etc, { recursive: true, force: true });
  }
}
