/** A constant load through two sidecars, and who judges it: for every suite that does something to a mesh meanwhile. */
import { spawn, type ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import { systemClock } from '../../../../runtime/clock';
import type { LoadReport } from './constant-load';

export type { LoadReport } from './constant-load';

/** Files of the two programs, each in one file that needs nothing but Node.js. */
export interface LoadPrograms {
  /** See echo.ts. */
  readonly echo: string;
  /** See generator.ts. */
  readonly generator: string;
}

/** Writes both programs into a folder. */
export function loadPrograms(folder: string): LoadPrograms {
  const made = (name: string): string => {
    const outfile = join(folder, `${name}.js`);
    buildSync({ entryPoints: [resolve(__dirname, `${name}.ts`)], outfile, bundle: true, platform: 'node', format: 'cjs', target: 'node20.16', logLevel: 'warning' });
    return outfile;
  };
  return { echo: made('echo'), generator: made('generator') };
}

/** A generator wherever it runs, by its own server at `http://HOST:PORT`. */
export class RunningLoad {
  constructor(private readonly address: string) {}

  /** Resolves when the load has begun and another `requests` have been answered. @throws after `deadline` milliseconds */
  async flowing(requests: number, deadline = 60_000): Promise<LoadReport> {
    const end = systemClock.now() + deadline;
    let wanted: number | undefined;
    for (;;) {
      const report = await this.ask('GET', '/report').catch(() => undefined);
      if (report?.begun) wanted ??= report.answered + requests;
      if (report && wanted !== undefined && report.answered >= wanted) return report;
      if (systemClock.now() > end) throw new Error(`the load does not flow: ${report ? JSON.stringify(report) : 'no generator answers'}`);
      await new Promise<void>((done) => systemClock.setTimer(50, done));
    }
  }

  async report(): Promise<LoadReport> {
    return this.ask('GET', '/report');
  }

  /** Sends no more; resolves when the last request has come to its end. */
  async stop(): Promise<LoadReport> {
    return this.ask('POST', '/stop');
  }

  private async ask(method: string, path: string): Promise<LoadReport & { readonly begun: boolean }> {
    return new Promise((done, failed) => {
      const sent = request(`${this.address}${path}`, { method, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => { text += part; });
        response.on('error', failed).on('end', () => done(JSON.parse(text) as never));
      });
      sent.on('error', failed).end();
    });
  }
}

export interface LoadOptions {
  readonly url: string;
  /** Outbound proxies, HOST:PORT. */
  readonly proxies: readonly string[];
  readonly requestsPerSecond?: number;
  readonly method?: string;
  /** Milliseconds; longer than any timeout of the mesh, which is what should answer. */
  readonly lostAfter?: number;
}

/** A generator as a process of this machine. */
export class LoadProcess extends RunningLoad {
  static async start(program: string, { url, proxies, requestsPerSecond = 500, method = 'PUT', lostAfter = 120_000 }: LoadOptions): Promise<LoadProcess> {
    const env = { URL: url, PROXIES: proxies.join(','), RATE: String(requestsPerSecond), METHOD: method, HOST: '127.0.0.1', PORT: '0', LOST_AFTER: String(lostAfter) };
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise<number>((done, failed) => {
      createInterface(child.stdout).once('line', (line) => done((JSON.parse(line) as { port: number }).port));
      child.once('exit', (code) => failed(new Error(`the load generator ended with ${code}`)));
    });
    return new LoadProcess(`http://127.0.0.1:${port}`, child);
  }

  private constructor(address: string, private readonly child: ChildProcess) {
    super(address);
  }

  /** Ends the process. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGKILL');
    await ended;
  }
}

/** All that is to be said against a load: empty where nothing was lost or wrong. */
export function complaints({ lost, wrong, failures, sent, underWay }: LoadReport): string[] {
  if (lost === 0 && wrong === 0 && underWay === 0) return [];
  return [`of ${sent} requests ${lost} were lost, ${wrong} wrong, ${underWay} without an end`, ...failures];
}

/** A line for people. */
export function summary({ sent, elapsed, lost, wrong, late, latency: { p50, p99, max } }: LoadReport): string {
  const rate = Math.round((sent * 1000) / elapsed);
  return `${sent} requests, ${rate}/s: ${lost} lost, ${wrong} wrong, ${late} late; p50 ${p50} ms, p99 ${p99} ms, longest ${Math.round(max)} ms`;
}
