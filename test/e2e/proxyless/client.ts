import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** One call: who answered, or the status and why. */
export interface Answer {
  readonly answer?: string;
  readonly error?: number;
  readonly message?: string;
}

/**
 * A program that calls `/demo.Who/Name` of an `xds:///` target. A line to it is a command: `burst COUNT [HEADER=VALUE…]` is answered by one line with
 * how often who has answered; after `start` it calls without a pause, a line for each answer, until `stop`.
 */
export class ForeignClient {
  private readonly lines: Answer[] = [];
  private wake: () => void = () => {};
  private errors = '';
  private readonly exit: Promise<unknown>;

  private constructor(private readonly child: ChildProcessByStdio<Writable, Readable, Readable>) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Answer);
      this.wake();
    });
    child.stderr.on('data', (chunk: Buffer) => { this.errors = (this.errors + chunk.toString()).slice(-8000); });
    this.exit = once(child, 'close').then(() => this.wake());
  }

  static start([program, ...args]: readonly string[], bootstrap: object): ForeignClient {
    const env = { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) };
    return new ForeignClient(spawn(program!, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  /** How often who has answered so many calls, one after the other; `error 14` stands for a status. */
  async burst(count: number, headers: Readonly<Record<string, string>> = {}): Promise<Record<string, number>> {
    this.say(['burst', count, ...Object.entries(headers).map(([name, value]) => `${name}=${value}`)].join(' '));
    return (await this.next() as { readonly tally: Record<string, number> }).tally;
  }

  begin(): void {
    this.say('start');
  }

  /** The answers up to the first that is wanted. */
  async until(wanted: (answers: readonly Answer[]) => boolean): Promise<Answer[]> {
    const answers: Answer[] = [];
    while (!wanted(answers)) answers.push(await this.next());
    return answers;
  }

  /** The answers of the calls that were made by now. */
  async end(): Promise<Answer[]> {
    this.say('stop');
    return (await this.until((answers) => 'stopped' in (answers.at(-1) ?? {}))).slice(0, -1);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }

  private say(command: string): void {
    this.child.stdin.write(`${command}\n`);
  }

  private async next(): Promise<Answer> {
    while (this.lines.length === 0) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`the client has ended:\n${this.errors}`);
      await new Promise<void>((wake) => { this.wake = wake; });
    }
    return this.lines.shift()!;
  }
}
