import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../runtime/clock';
import { AddressBlock } from '../runtime/local/addresses';
import { RUNNER_PORT } from '../runtime/local/control-server';
import { LoadGenerator } from '../runtime/local/load';
import { LocalRun, ManifestError, type Programs } from '../runtime/local/run';
import { scrape } from '../runtime/local/scrape';
import { noSettings, parseSettings, type LoadSettings, type Settings } from '../runtime/local/settings';
import { endpointsKnown } from '../runtime/local/traffic';
import { INBOUND_PORT, OUTBOUND_PORT } from '../src/contract';
import { COLOURS, NO_COLOURS } from './ansi';
import { parentsWatch } from './parents';
import { judge, summary } from './report';
import { Session } from './session';
import { openTerminal, type Terminal } from './terminal';
import { parseUpOptions, UP_USAGE, type UpOptions } from './up-options';
import { loadLines, milliseconds, number, render, time } from './view';

/** Milliseconds that all pods together get to become ready, and the endpoints to reach every proxy. */
const START_TIMEOUT = 60_000;
/** Milliseconds between two looks at the metrics. */
const SAMPLE = 1000;
/** Looks in a row at which something is refused, after which a run that ends by itself does. */
const REFUSED_SAMPLES = 5;
/** Milliseconds between two looks whether the parent is still there. */
const PARENT_CHECK = 500;

/** `meshwright up DIR`. @returns 0 where the mesh behaved, or was ended by a person */
export async function up(args: readonly string[]): Promise<number> {
  const options = parseUpOptions(args);
  if (!options) {
    process.stdout.write(UP_USAGE);
    return 0;
  }
  const settings: Settings = options.settings === undefined ? noSettings(process.cwd())
    : parseSettings(readFileSync(options.settings, 'utf8'), options.settings);
  return new Up(options, settings).run();
}

/** One run of the command: what it shows, and when it ends. */
class Up {
  private readonly begun = systemClock.now();
  private readonly session: Session;
  private readonly interactive = process.stdin.isTTY && process.stdout.isTTY;
  private readonly addresses: AddressBlock;
  private readonly generators: LoadGenerator[] = [];
  private mesh!: LocalRun;
  private terminal: Terminal | undefined;
  private input = '';
  private message = '';
  private everReady = false;
  private over = false;
  private hints: readonly string[] = [];
  /** Milliseconds since the beginning at which the run ends by itself. */
  private end: number | undefined;
  private finish!: (why: 'time' | 'person' | 'failure') => void;
  private readonly finished = new Promise<'time' | 'person' | 'failure'>((done) => { this.finish = done; });

  constructor(private readonly options: UpOptions, private readonly settings: Settings) {
    this.session = new Session(options.load ? settings.load : [], () => this.elapsed());
    this.addresses = AddressBlock.parse(options.addresses);
  }

  async run(): Promise<number> {
    this.watchForTheEnd();
    try {
      this.mesh = await LocalRun.start({
        folder: this.options.folder,
        settings: this.settings,
        addresses: this.addresses,
        state: this.options.state,
        programs: programs(),
        clock: systemClock,
        tell: (event) => {
          const text = this.session.heard(event);
          if (text !== undefined && !this.terminal) this.print(text);
          this.paint();
        },
      });
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      process.stderr.write(`${error.problems.map(({ where, message }) => `${where}: ${message}`).join('\n')}\n`);
      return 1;
    }
    const why = await Promise.race([this.serve(), this.finished]);
    return this.stop(why);
  }

  /** Starts everything, then waits for the end. */
  private async serve(): Promise<'time' | 'person' | 'failure'> {
    if (this.options.ui && this.interactive) this.openTerminal();
    else this.print(`starting ${this.mesh.pods().length} pods at ${this.options.addresses}; logs in ${relative('.', join(this.options.state, 'logs'))}`);
    const ticking = this.tick();
    if (!await this.mesh.settled(START_TIMEOUT)) return 'failure';
    if (!await this.endpointsKnown()) return 'failure';
    this.ready();
    await ticking;
    return this.finished;
  }

  private ready(): void {
    this.everReady = true;
    this.session.begin();
    this.session.say('every pod is ready');
    this.hints = this.hintLines();
    if (!this.terminal) {
      this.print(`every pod is ready after ${milliseconds(this.elapsed())}`);
      for (const { spec } of this.mesh.pods()) this.print(`  ${spec.name}  ${spec.address}${spec.region === undefined ? '' : `  ${spec.region}`}`);
      for (const hint of this.hints) this.print(hint);
      this.readLines();
    }
    for (const { settings } of this.session.loads) {
      const senders = () => this.mesh.pods().filter(({ spec, ready, phase }) => spec.service === settings.from && ready && phase === 'running').map(({ spec }) => spec);
      const generator = new LoadGenerator(
        systemClock, settings, senders, Math.random, (result) => this.session.answered(result), (name) => this.mesh.token(name),
      );
      this.generators.push(generator);
      generator.start();
    }
    if (this.options.duration !== undefined) {
      this.end = this.elapsed() + this.options.duration;
      setTimeout(() => this.finish('time'), this.options.duration);
    }
  }

  /** Looks at the metrics every second. Plain output says every fifth time what it sees. */
  private async tick(): Promise<void> {
    for (let count = 0, refused = 0; !this.over; count++) {
      const changes = [...this.session.measured(await scrape(this.mesh.pods(), systemClock)), ...this.session.refused(this.mesh.refusals())];
      if (!this.terminal) for (const change of changes) this.print(change);
      // Pods of a service that the control plane refuses never become ready: nobody needs to wait for them, unless to mend the manifest.
      refused = this.session.refusals.length > 0 && !this.everReady ? refused + 1 : 0;
      if (refused >= REFUSED_SAMPLES && this.options.duration !== undefined) this.finish('failure');
      this.paint();
      if (!this.terminal && this.everReady && count % 5 === 4) this.printTraffic();
      await Promise.race([sleep(SAMPLE, undefined, { ref: false }), this.finished]);
    }
  }

  /** A pod is ready before its callers have heard of it: the load waits until they all have. */
  private async endpointsKnown(): Promise<boolean> {
    const until = systemClock.now() + START_TIMEOUT;
    while (!this.over && systemClock.now() < until) {
      if (endpointsKnown(await scrape(this.mesh.pods(), systemClock), this.mesh.outside())) return true;
      await sleep(100);
    }
    return false;
  }

  private async stop(why: 'time' | 'person' | 'failure'): Promise<number> {
    this.over = true;
    this.finish(why);
    const verdict = judge(this.session, this.everReady, this.mesh.missing(), why === 'time');
    const lines = summary(this.session, this.mesh.pods(), this.elapsed(), verdict, process.stdout.columns || 80);
    for (const generator of this.generators) generator.stop();
    this.terminal?.close();
    this.terminal = undefined;
    const stopping = this.mesh.stop();
    if (this.everReady || why !== 'person') process.stdout.write(`${lines.join('\n')}\n`);
    await stopping;
    process.stdin.destroy();
    // A person who ends a run has seen how it went.
    return why === 'person' || verdict.reasons.length === 0 ? 0 : 1;
  }

  private watchForTheEnd(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.finish('person'));
    if (!this.options.stopWithParent) return;
    const parentsThere = parentsWatch();
    const look = () => {
      if (!parentsThere()) this.finish('person');
      else setTimeout(look, PARENT_CHECK).unref();
    };
    look();
  }

  private openTerminal(): void {
    this.terminal = openTerminal(process.stdin, process.stdout, {
      typed: (text) => {
        this.input = text;
        this.message = '';
        this.paint();
      },
      entered: (line) => { void this.enter(line); },
      ended: () => this.finish('person'),
      resized: () => this.paint(),
    });
  }

  private readLines(): void {
    const lines = createInterface({ input: process.stdin });
    lines.on('line', (line) => { if (line.trim() !== '') void this.enter(line); });
    void this.finished.then(() => lines.close());
  }

  private async enter(line: string): Promise<void> {
    try {
      this.message = await this.mesh.command(line);
    } catch (error) {
      this.message = (error as Error).message;
      if (!this.terminal) this.print(this.message);
    }
    this.paint();
  }

  private paint(): void {
    const { terminal } = this;
    if (!terminal || !this.mesh) return;
    terminal.paint(render({
      title: relative('.', this.options.folder),
      elapsed: this.elapsed(),
      left: this.end === undefined ? undefined : Math.max(0, this.end - this.elapsed()),
      pods: this.mesh.pods(),
      edges: this.session.edges(),
      loads: this.session.loads,
      events: this.session.events,
      hints: this.hints,
      input: this.input,
      message: this.message,
    }, terminal.columns, terminal.rows, process.env.NO_COLOR ? NO_COLOURS : COLOURS));
  }

  private hintLines(): string[] {
    const pods = this.mesh.pods().map(({ spec }) => spec);
    const [load] = this.settings.load;
    const sender = pods.find(({ service }) => service !== undefined && (load === undefined || service === load.from));
    // What the load's own pods do is not what one wants to break first.
    const able = pods.find(({ control, service }) => control !== undefined && this.settings.load.every(({ from }) => from !== service));
    const lines: string[] = [];
    if (sender) {
      const body = load?.body === undefined ? '' : ` -d '${load.body.replace(/\$\(random:\d+\)/g, '1')}'`;
      const method = load && load.method !== 'GET' && load.body === undefined ? ` -X ${load.method}` : load?.method === 'PUT' ? ' -X PUT' : '';
      const url = load?.url.replace(/\$\(random:\d+\)/g, '1') ?? 'http://SERVICE/';
      lines.push(`try    curl -x ${sender.address}:${OUTBOUND_PORT}${method}${this.headersOf(load)}${body} ${url}`);
      lines.push(`       curl http://${sender.address}:${INBOUND_PORT}/`);
    }
    const target = pods.find(({ service }) => service === 'payment') ?? able;
    if (target) {
      const verbs = [...(target.control?.verbs ?? []), 'kill'].join(' | ');
      lines.push(`break  ${target.service}: ${verbs}   (type one, or)`);
      lines.push(`       curl -X POST ${this.addresses.runner}:${RUNNER_PORT}/${target.service}/${target.control?.verbs[0] ?? 'kill'}`);
    }
    return lines;
  }

  /** Headers of the load, as curl takes them; tokens are fetched from the runner. */
  private headersOf(load: LoadSettings | undefined): string {
    return Object.entries(load?.headers ?? {}).map(([name, value]) => {
      const filled = value.replace(/\$\(random:\d+\)/g, '1').replace(/\$\(token:([^)]*)\)/g, `$(curl -s ${this.addresses.runner}:${RUNNER_PORT}/tokens/$1)`);
      return ` -H "${name}: ${filled}"`;
    }).join('');
  }

  private printTraffic(): void {
    for (const edge of this.session.edges()) {
      if (edge.success === undefined) continue;
      this.print(`${edge.caller} → ${edge.called}  ${number(edge.requestsPerSecond)} req/s  ${(edge.success * 100).toFixed(1)}% ok  p50 ${milliseconds(edge.p50)}  `
        + `p99 ${milliseconds(edge.p99)}  ${number(edge.retriesPerSecond)} retries/s  breaker ${edge.breaker ?? 'none'}  ${edge.healthy}/${edge.endpoints} pods`);
    }
    for (const load of this.session.loads) for (const line of loadLines(load, 200, NO_COLOURS)) this.print(line);
  }

  private print(text: string): void {
    process.stdout.write(`${time(this.elapsed())} ${text}\n`);
  }

  private elapsed(): number {
    return systemClock.now() - this.begun;
  }
}

/** What the package brings: beside this file, which is lib/cli/meshwright.js. */
function programs(): Programs {
  const runtime = join(__dirname, '..', 'runtime');
  const found = { node: process.execPath, proxy: join(runtime, 'proxy.js'), controlPlane: join(runtime, 'control-plane.js'), guardian: join(runtime, 'guardian.js') };
  for (const file of [found.proxy, found.controlPlane, found.guardian]) {
    if (!existsSync(file)) throw new Error(`${file} is missing; in a checkout, build it by: npx projen bundle`);
  }
  return found;
}
