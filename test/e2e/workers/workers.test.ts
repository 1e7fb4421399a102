import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { TypeUrl } from '../../../runtime/xds';
import { FakeControlPlane } from '../../runtime/proxy/ads/fake-server';
import { assignment, assignmentJson, cluster, listener, listenerJson, table } from '../../runtime/proxy/config/resources';
import { ADMIN, adsBootstrap, fetchFrom, type LogLine } from '../../runtime/proxy/main/support';

jest.setTimeout(120_000);
const root = resolve(__dirname, '../../..');
/** Workers share their ports by SO_REUSEPORT, which the Node.js of the image has. */
const node = execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), 'node', '24'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
const WORKERS = 2;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly connection: string | undefined;
}

/** A service that says its name, or keeps requests for `/held` until it is told. */
class Upstream {
  readonly held: ServerResponse[] = [];
  private readonly waiting: (() => void)[] = [];
  private constructor(private readonly server: Server, readonly port: number) {}

  static async start(name: string): Promise<Upstream> {
    const server = createServer((incoming, response) => {
      if (incoming.url === '/fail') response.statusCode = 500;
      if (incoming.url === '/held') upstream.hold(response);
      else response.end(name);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstream = new Upstream(server, (server.address() as AddressInfo).port);
    return upstream;
  }

  private hold(response: ServerResponse): void {
    this.held.push(response);
    for (const tell of this.waiting.splice(0)) tell();
  }

  async holds(count: number): Promise<void> {
    while (this.held.length < count) await new Promise<void>((tell) => this.waiting.push(tell));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

class RunningProxy {
  readonly lines: LogLine[] = [];
  private readonly waiting: { readonly wanted: (line: LogLine) => boolean; readonly found: (line: LogLine) => void }[] = [];
  readonly exit: Promise<number | null>;
  admin = 0;

  private constructor(readonly child: ChildProcess) {
    createInterface({ input: child.stderr! }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine;
      this.lines.push(line);
      this.waiting.filter(({ wanted }) => wanted(line)).forEach(({ found }) => found(line));
    });
    this.exit = new Promise((ended) => child.on('close', ended));
  }

  static async start(bootstrap: object, ...args: string[]): Promise<RunningProxy> {
    const child = spawn(node, [
      join(root, 'lib/runtime/proxy.js'), '--config-yaml', JSON.stringify(bootstrap), '--concurrency', String(WORKERS), '--drain-time-s', '9', ...args,
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    const proxy = new RunningProxy(child);
    const { fields } = await proxy.logged('started');
    proxy.admin = (fields as unknown as { admin: number }).admin;
    return proxy;
  }

  async logged(message: string): Promise<LogLine> {
    const wanted = (line: LogLine): boolean => line.message === message;
    return this.lines.find(wanted) ?? new Promise((found) => this.waiting.push({ wanted, found }));
  }

  async listenerPort(name: string): Promise<number> {
    const line = (await fetchFrom(this.admin, '/listeners')).body.split('\n').find((text) => text.startsWith(`${name}::`))!;
    return Number(line.slice(line.lastIndexOf(':') + 1));
  }

  async stats(): Promise<Map<string, number>> {
    const { body } = await fetchFrom(this.admin, '/stats');
    return new Map(body.trim().split('\n').map((line) => [line.slice(0, line.indexOf(': ')), Number(line.slice(line.indexOf(': ') + 2))]));
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.exit;
  }
}

async function ask(port: number, path: string, agent: Agent | false = false): Promise<Answer> {
  return new Promise((answered, failed) => {
    const sent = request({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => { body += text; });
      response.on('end', () => answered({ status: response.statusCode!, body, connection: response.headers.connection }));
      response.on('error', failed);
    });
    sent.on('error', failed);
    sent.end();
  });
}

/** So many that the system gives both workers some. */
async function manyTimes(count: number, ask1: () => Promise<Answer>): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, ask1));
}

let upstreams: Upstream[];
let folder: string;
let proxy: RunningProxy | undefined;
let plane: FakeControlPlane | undefined;

beforeEach(async () => {
  upstreams = [await Upstream.start('one'), await Upstream.start('two')];
  folder = mkdtempSync(join(tmpdir(), 'workers-'));
});
afterEach(async () => {
  await proxy?.stop();
  plane?.stop();
  proxy = plane = undefined;
  await Promise.all(upstreams.map(async (upstream) => upstream.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const type = (name: string): string => `type.googleapis.com/${name}`;

function limited(tokens: number): object {
  return {
    admin: ADMIN,
    static_resources: {
      listeners: [listenerJson('in', 0, { cluster: 'app' }, {
        access_log: [{ name: 'file', typed_config: { '@type': type('envoy.extensions.access_loggers.file.v3.FileAccessLog'), 'path': join(folder, 'access.log') } }],
        http_filters: [{
          name: 'limit',
          typed_config: {
            '@type': type('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'),
            'stat_prefix': 'limit',
            'token_bucket': { max_tokens: tokens, tokens_per_fill: 1, fill_interval: '3600s' },
            'filter_enabled': { default_value: { numerator: 100 } },
            'filter_enforced': { default_value: { numerator: 100 } },
          },
        }, { name: 'router', typed_config: { '@type': type('envoy.extensions.filters.http.router.v3.Router') } }],
      })],
      clusters: [{
        name: 'app',
        load_assignment: assignmentJson('app', upstreams[0].port),
        metadata: {
          typed_filter_metadata: {
            'meshwright.circuit_breaker': { '@type': type('meshwright.v1.CircuitBreaker'), 'consecutive_failures': 6, 'cooldown': '3600s' },
          },
        },
      }],
    },
  };
}

test('two workers serve one port; rate limit, breaker, metrics and access log are the pod\'s', async () => {
  proxy = await RunningProxy.start(limited(100));
  const port = await proxy.listenerPort('in');
  const answers = await manyTimes(300, async () => ask(port, '/'));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(200);
  const stats = await proxy.stats();
  expect(stats.get('http.in.downstream_rq_total')).toBe(300);
  expect(stats.get('cluster.app.upstream_rq_200')).toBe(100);
  expect(stats.get('server.concurrency')).toBe(WORKERS);
  const [first, second] = [0, 1].map((worker) => stats.get(`worker.${worker}.heap_bytes`)!);
  expect(Math.min(first, second)).toBeGreaterThan(0);

  proxy.child.kill('SIGTERM');
  await proxy.exit;
  const statuses = readFileSync(join(folder, 'access.log'), 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { status: number }).status);
  expect([200, 429].map((wanted) => statuses.filter((status) => status === wanted).length)).toEqual([100, 200]);
});

test('failures that different workers see open the breaker of the pod', async () => {
  proxy = await RunningProxy.start(limited(10_000));
  const port = await proxy.listenerPort('in');
  const statuses: number[] = [];
  for (let i = 0; i < 20; i++) statuses.push((await ask(port, '/fail')).status);
  expect(statuses).toEqual([...Array<number>(6).fill(500), ...Array<number>(14).fill(503)]);
  const stats = await proxy.stats();
  expect([stats.get('cluster.app.circuit_breaker.opened'), stats.get('cluster.app.circuit_breaker.refused')]).toEqual([1, 14]);
});

test('a route that changes under load is in force in every worker when it is acknowledged, and no request is lost', async () => {
  const started = await FakeControlPlane.start({
    [TypeUrl.CDS]: [cluster('one'), cluster('two')],
    [TypeUrl.EDS]: [assignment('one', upstreams[0].port), assignment('two', upstreams[1].port)],
    [TypeUrl.LDS]: [listener('out', 0, { rds: 'routes' })],
    [TypeUrl.RDS]: [table('routes', 'one')],
  });
  plane = started.plane;
  const acknowledged = async (nonce: string) => {
    const answer = await started.plane.request((said) => said.responseNonce === nonce);
    expect(answer.errorDetail).toBeUndefined();
  };
  proxy = await RunningProxy.start(adsBootstrap(started.port));
  await started.plane.request((said) => said.typeUrl === TypeUrl.RDS && said.responseNonce !== '');
  const port = await proxy.listenerPort('out');
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const answers: Answer[] = [];
  const failures: unknown[] = [];
  let going = true;
  const callers = Array.from({ length: 16 }, async () => {
    while (going) await ask(port, '/', agent).then((answer) => answers.push(answer), (error: unknown) => failures.push(error));
  });
  for (const [index, name] of ['two', 'one', 'two', 'one', 'two'].entries()) {
    await acknowledged(started.plane.push(TypeUrl.RDS, [table('routes', name, String(index + 2))]));
    const after = await manyTimes(64, async () => ask(port, '/'));
    expect(new Set(after.map(({ body }) => body))).toEqual(new Set([name]));
  }
  going = false;
  await Promise.all(callers);
  agent.destroy();
  expect(failures).toEqual([]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['one', 'two']));
});

test('SIGTERM: what is under way in every worker is answered, connections close, and the process ends by itself', async () => {
  proxy = await RunningProxy.start(limited(10_000));
  const port = await proxy.listenerPort('in');
  const under = manyTimes(32, async () => ask(port, '/held', new Agent({ keepAlive: true })));
  await upstreams[0].holds(32);
  const { child, admin } = proxy;
  child.kill('SIGTERM');
  await proxy.logged('draining');
  expect((await fetchFrom(admin, '/ready')).status).toBe(503);
  // Each worker hears of it by itself; new connections reach all of them.
  while ((await manyTimes(32, async () => ask(port, '/'))).some(({ connection }) => connection !== 'close'));
  for (const response of upstreams[0].held) response.end('late');
  const answers = await under;
  expect(new Set(answers.map(({ status, body, connection }) => `${status} ${body} ${connection}`))).toEqual(new Set(['200 late close']));
  expect(await proxy.exit).toBe(0);
  // All lines of the access log were written.
  expect(readFileSync(join(folder, 'access.log'), 'utf8').trim().split('\n').filter((line) => line.includes('/held'))).toHaveLength(32);
});

test('a thread that dies takes its own connections along, and another takes its place', async () => {
  const program = join(folder, 'die.js');
  writeFileSync(join(folder, 'setup.json'), JSON.stringify({ upstream: upstreams[0].port, worker: join(root, 'lib/runtime/proxy-worker.js') }));
  execFileSync(join(root, 'node_modules/.bin/esbuild'), [
    join(__dirname, 'die.ts'), '--bundle', '--platform=node', '--format=cjs', `--outfile=${program}`, '--log-level=warning',
  ], { cwd: root });
  // Not synchronously: its upstream is here.
  const { stdout } = await promisify(execFile)(node, [program, join(folder, 'setup.json')]);
  const { before, own, other, after, restarts, inUse } = JSON.parse(stdout) as Record<string, unknown>;
  expect(before).toEqual([200, 200]);
  expect(own).toBe('closed');
  expect(other).toBe(200);
  expect(after).toBe(200);
  expect(restarts).toBe(1);
  expect(inUse).toBe(0);
});
