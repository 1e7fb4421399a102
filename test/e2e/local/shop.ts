/** The examples as real processes, for the tests of this folder. They need the bundles: npx projen bundle. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { App, type Chart } from 'cdk8s';
import { parseAllDocuments, stringify } from 'yaml';
import { Bank } from '../../../examples/banking/bank';
import { Shop } from '../../../examples/ecommerce/shop';
import { Sensors } from '../../../examples/iot/sensors';
import { systemClock } from '../../../runtime/clock';
import { AddressBlock } from '../../../runtime/local/addresses';
import { LoadGenerator, type LoadResult } from '../../../runtime/local/load';
import { LocalRun, type RunEvent } from '../../../runtime/local/run';
import { scrape } from '../../../runtime/local/scrape';
import { parseSettings, type LoadSettings } from '../../../runtime/local/settings';
import { endpointsKnown } from '../../../runtime/local/traffic';
import type { PodSpec } from '../../../runtime/local/types';

const ROOT = resolve(__dirname, '..', '..', '..');
export const CLI = join(ROOT, 'lib', 'cli', 'meshwright.js');

const EXAMPLES: Readonly<Record<string, (app: App) => Chart>> = {
  banking: (app) => new Bank(app, 'bank'),
  ecommerce: (app) => new Shop(app, 'shop'),
  iot: (app) => new Sensors(app, 'iot'),
};

/** Manifests of an example in a folder of their own. */
export class Manifests {
  readonly root = mkdtempSync(join(tmpdir(), 'meshwright-e2e-'));
  readonly folder = join(this.root, 'dist');
  readonly settings: string;
  private readonly file: string;

  /**
   * @param program name of an example, or a program of the test's own
   * @param settings of a program of the test's own: how its images run
   */
  constructor(program: string | ((app: App) => Chart) = 'ecommerce', settings?: string) {
    mkdirSync(this.folder);
    this.settings = typeof program === 'string' ? join(ROOT, 'examples', program, 'meshwright.local.yaml') : join(this.root, 'meshwright.local.yaml');
    if (settings !== undefined) writeFileSync(this.settings, settings);
    const app = new App({ outdir: this.folder });
    this.file = join(this.folder, `${(typeof program === 'string' ? EXAMPLES[program]! : program)(app).node.id}.k8s.yaml`);
    app.synth();
  }

  /** Changes objects, as an apply does: the whole file at once. */
  change(edit: (object: any) => void): void {
    const objects = parseAllDocuments(readFileSync(this.file, 'utf8')).map((document) => document.toJS() as unknown);
    objects.forEach(edit);
    const draft = join(this.folder, '.draft');
    writeFileSync(draft, objects.map((object) => stringify(object)).join('---\n'));
    renameSync(draft, this.file);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** The shop, running. */
export class RunningShop {
  readonly events: RunEvent[] = [];

  static async start(addresses: string, manifests = new Manifests()): Promise<RunningShop> {
    const events: RunEvent[] = [];
    const run = await LocalRun.start({
      folder: manifests.folder,
      settings: parseSettings(readFileSync(manifests.settings, 'utf8'), manifests.settings),
      addresses: AddressBlock.parse(addresses),
      state: join(manifests.root, 'state'),
      programs: {
        node: process.execPath,
        proxy: join(ROOT, 'lib/runtime/proxy.js'),
        controlPlane: join(ROOT, 'lib/runtime/control-plane.js'),
        guardian: join(ROOT, 'lib/runtime/guardian.js'),
      },
      clock: systemClock,
      tell: (event) => { events.push(event); },
    });
    return new RunningShop(manifests, run, events);
  }

  private constructor(readonly manifests: Manifests, readonly run: LocalRun, events: RunEvent[]) {
    this.events = events;
  }

  async ready(): Promise<void> {
    if (!await this.run.settled(60_000)) throw new Error(`not ready: ${this.run.missing().map(({ name }) => name).join(', ')}`);
    await this.until('every proxy knows the endpoints', async () => {
      return endpointsKnown(await scrape(this.run.pods(), systemClock), this.run.outside());
    });
  }

  pods(service: string): readonly PodSpec[] {
    return this.run.pods().filter(({ spec, phase }) => spec.service === service && phase === 'running').map(({ spec }) => spec);
  }

  /** Asks other processes again and again, until it holds or the deadline has passed. */
  async until(what: string, holds: () => Promise<boolean>, deadline = 30_000): Promise<void> {
    const end = systemClock.now() + deadline;
    while (!await holds()) {
      if (systemClock.now() > end) throw new Error(`not within ${deadline} ms: ${what}`);
      await pause(100);
    }
  }

  async stop(): Promise<void> {
    await this.run.stop();
    this.manifests.remove();
  }
}

/** A load that runs while something is done to the mesh. */
export async function underLoad(
  shop: RunningShop, load: Partial<LoadSettings> & { from: string; url: string }, during: () => Promise<void>, senders = shop.pods(load.from),
): Promise<LoadResult[]> {
  const results: LoadResult[] = [];
  const settings: LoadSettings = { method: 'GET', headers: {}, requestsPerSecond: 100, ...load };
  const heard = (result: LoadResult) => { results.push(result); };
  const generator = new LoadGenerator(systemClock, settings, () => senders, Math.random, heard, (name) => shop.run.token(name));
  const answered = async (count: number) => shop.until(`${count} requests are answered`, async () => Promise.resolve(results.length >= count));
  generator.start();
  await answered(settings.requestsPerSecond);
  await during();
  await answered(results.length + settings.requestsPerSecond);
  // What is under way still counts.
  generator.pause();
  await shop.until('every request is answered', async () => Promise.resolve(generator.underWay === 0));
  generator.stop();
  return results;
}

/** The requests that were not answered as they should, in words. */
export function failures(results: readonly LoadResult[], status = 200): string[] {
  return results.filter((result) => result.status !== status).map((result) => `${result.status} ${result.problem ?? result.error ?? ''}`);
}

export async function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** One request through the outbound proxy of a pod. */
export async function ask(
  pod: PodSpec, url: string, headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((done, failed) => {
    const target = { host: pod.address, port: 15001, path: url, headers: { host: new URL(url).host, ...headers } };
    const sent = request({ ...target, agent: false, timeout: 10_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => done({ status: response.statusCode!, body }));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', failed);
    sent.end();
  });
}
