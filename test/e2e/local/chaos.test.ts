import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { Chart, Duration, type App } from 'cdk8s';
import { LoadBalancer, Mesh, MeshService, Retry, RetryOn, ServicePort, Timeout } from '../../../src';
import { complaints, LoadProcess, loadPrograms, summary, type LoadPrograms } from '../support/load';
import { Manifests, RunningShop } from './shop';

/**
 * What can happen to the processes of a mesh, under 500 requests a second through two sidecars: no request is lost, none gets the answer of another.
 * Certificates live for 20 s here: while this runs each of them ends several times.
 */
jest.setTimeout(300_000);
const LIFETIME = 20_000;

class Chaos extends Chart {
  constructor(app: App) {
    super(app, 'chaos', { namespace: 'chaos' });
    const mesh = new Mesh(this, 'mesh', { trustDomain: 'chaos.example', certificateLifetime: Duration.millis(LIFETIME) });
    const port = ServicePort.http(8080);
    const echo = new MeshService(this, 'echo', {
      mesh,
      port,
      image: 'chaos/echo:1',
      replicas: 3,
      loadBalancer: LoadBalancer.roundRobin(),
      timeout: Timeout.total(Duration.minutes(2)),
      retry: Retry.exponential({
        attempts: 5, on: [RetryOn.CONNECT_FAILURE, RetryOn.RESET, RetryOn.REFUSED_STREAM, RetryOn.GATEWAY_ERROR],
        baseInterval: Duration.millis(25), maxInterval: Duration.millis(400),
      }),
    });
    echo.acknowledge('MW133', 'no answer takes long; the bound is for a machine that has other things to do');
    new MeshService(this, 'caller', { mesh, port, image: 'chaos/caller:1', replicas: 2 }).calls(echo);
  }
}

let folder: string;
let programs: LoadPrograms;
let mesh: RunningShop;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-chaos-'));
  programs = loadPrograms(folder);
  // Of the caller only its proxies are of interest: the load comes from a process of its own.
  const settings = `images:\n  chaos/echo: { command: [node, ${programs.echo}] }\n  chaos/caller: { command: [node, ${programs.echo}] }\n`;
  const manifests = new Manifests((app) => new Chaos(app), settings);
  manifests.change((object) => {
    if (object.kind !== 'Deployment') return;
    // A machine that has other things to do makes event loops late, and proxies shed load for it, as they should; that is not what is asked here.
    for (const { args } of object.spec.template.spec.initContainers ?? []) {
      args.forEach((arg: string, i: number) => { args[i] = arg.replace(/"max_delay":"[^"]+"/, '"max_delay":"600s"'); });
    }
  });
  mesh = await RunningShop.start('127.99.0.0/16', manifests);
  await mesh.ready();
});
afterAll(async () => {
  await mesh.stop();
  rmSync(folder, { recursive: true });
});

/** What is to be said against the mesh after something was done to it under load. */
async function underLoad(what: string, during: () => Promise<void>): Promise<string[]> {
  const proxies = mesh.pods('caller').map(({ address }) => `${address}:15001`);
  const load = await LoadProcess.start(programs.generator, { url: 'http://echo/', proxies, requestsPerSecond: 550 });
  try {
    await load.flowing(500);
    await during();
    await load.flowing(500);
    const report = await load.stop();
    process.stdout.write(`${what}: ${summary(report)}\n`);
    return complaints(report);
  } finally {
    await load.close();
  }
}

/** Does what a line says, and waits until what it ended runs again. */
async function crash(line: string): Promise<void> {
  const restarts = () => mesh.run.pods().reduce((sum, pod) => sum + pod.restarts, 0);
  const before = restarts();
  await mesh.run.command(line);
  await mesh.until('it has ended', async () => Promise.resolve(restarts() > before));
  expect(await mesh.run.settled(30_000)).toBe(true);
}

/** The certificate that a pod of the service shows. */
async function certificateOf(service: string): Promise<PeerCertificate> {
  const [{ address: host }] = mesh.pods(service);
  return new Promise((done, failed) => {
    const socket = connect({ host, port: 15006, rejectUnauthorized: false }, () => {
      done(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.on('error', failed);
  });
}

test.each([0, 1])('a replica of the control plane is killed: %p', async (replica) => {
  expect(await underLoad(`control plane ${replica} killed`, async () => crash(`meshwright-control-plane-${replica}: kill`))).toEqual([]);
});

test('sidecars are killed', async () => {
  expect(await underLoad('sidecars killed', async () => {
    for (let i = 0; i < 2; i++) await crash('echo: kill-proxy');
  })).toEqual([]);
});

test('pods are killed', async () => {
  expect(await underLoad('pods killed', async () => {
    for (let i = 0; i < 2; i++) await crash('echo: kill');
  })).toEqual([]);
});

test('the application and its sidecar are rolled out anew', async () => {
  const before = mesh.pods('echo').map(({ name }) => name);
  expect(await underLoad('rolling update', async () => {
    mesh.manifests.change((object) => {
      if (object.kind !== 'Deployment' || object.metadata.name !== 'echo') return;
      const { containers, initContainers } = object.spec.template.spec;
      containers[0].image = 'chaos/echo:2';
      const { args } = initContainers.find(({ name }: { name: string }) => name === 'meshwright-proxy');
      args[args.indexOf('--log-level') + 1] = 'warn';
    });
    expect(await mesh.run.until(() => mesh.run.pods().every(({ spec }) => !before.includes(spec.name)), 60_000)).toBe(true);
    expect(await mesh.run.settled(30_000)).toBe(true);
  })).toEqual([]);
});

test('the root is replaced, and all certificates that there were end meanwhile', async () => {
  const before = await certificateOf('echo');
  const said: string[] = [];
  expect(await underLoad('root replaced', async () => {
    const program = resolve(__dirname, '../../../lib/runtime/control-plane.js');
    const authority = join(mesh.manifests.root, 'state/identity/authority.json');
    const replicas = mesh.run.pods().filter(({ spec }) => spec.service === undefined).flatMap(({ spec }) => ['--replica', `${spec.address}:15014`]);
    const child = spawn(process.execPath, [program, 'rotate-root', '--authority', `file:${authority}`, ...replicas], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said.push(text); });
    const code = await new Promise<number | null>((done) => child.once('close', done));
    expect(`${code} ${said.join('')}`).toMatch(/^0 1 of 3: [^]*\n2 of 3: [^]*\n3 of 3: [^]*\nthe root is replaced\n$/);
  })).toEqual([]);
  const after = await certificateOf('echo');
  expect(Date.parse(before.valid_to)).toBeLessThan(Date.now());
  expect(Date.parse(after.valid_to)).toBeGreaterThan(Date.now());
  expect(after.pubkey).not.toEqual(before.pubkey);
  expect(said.join()).not.toContain('PRIVATE');
});

/** GET of this machine; undefined where nobody answers. */
async function page(host: string, port: number, path: string): Promise<{ readonly status: number; readonly body: string } | undefined> {
  return new Promise((done) => {
    get({ host, port, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => { body += part; }).on('end', () => done({ status: response.statusCode!, body }));
    }).on('error', () => done(undefined));
  });
}

test('no key and no token stands in a log or on a page of an admin server', async () => {
  const state = join(mesh.manifests.root, 'state');
  const authority = JSON.parse(readFileSync(join(state, 'identity/authority.json'), 'utf8')) as Record<string, string>;
  const tokens = Object.keys(JSON.parse(readFileSync(join(state, 'identity/tokens.json'), 'utf8')) as object);
  const secrets = ['PRIVATE KEY', ...authority['tls.key']!.split('\n').filter((line) => line.length > 30 && !line.includes('-----')), ...tokens];
  expect(secrets.length).toBeGreaterThan(5);
  const shown = new Map(readdirSync(join(state, 'logs')).map((file) => [file, readFileSync(join(state, 'logs', file), 'utf8')]));
  for (const { spec: { name, address, service } } of mesh.run.pods()) {
    const [port, paths] = service === undefined ? [15_014, ['/status', '/identity', '/metrics', '/debug/config?node=echo.chaos']]
      : [15_000, ['/config_dump', '/config_dump?include_eds', '/certs', '/clusters', '/listeners', '/stats', '/server_info']];
    for (const path of paths as string[]) shown.set(`${name}${path}`, (await page(address, port as number, path))?.body ?? '');
  }
  for (const path of ['snapshots']) {
    for (const file of readdirSync(join(state, path), { recursive: true, withFileTypes: true })) {
      if (file.isFile()) shown.set(file.name, readFileSync(join(file.parentPath, file.name), 'latin1'));
    }
  }
  // What is looked through is what is meant.
  const dump = [...shown].find(([name]) => /^echo-.*\/config_dump$/.test(name))![1];
  expect(dump).toContain('SecretsConfigDump');
  expect([...shown].flatMap(([where, text]) => secrets.filter((secret) => text.includes(secret)).map((secret) => `${where}: ${secret.slice(0, 12)}`))).toEqual([]);
});

/** What says more than the clock on a machine that has other things to do; nothing where there is no /proc. */
function processorTime(pid: number): string {
  if (!existsSync('/proc/self/stat')) return '';
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13);
  return `, ${(Number(user) + Number(system)) * 10} ms of a processor`;
}

test('a proxy, and a replica of the control plane, from start to ready: measured', async () => {
  for (const [target, role, port] of [['echo', 'proxy', 15_020], ['meshwright-control-plane-1', 'control-plane', 15_014]] as const) {
    const { spec } = mesh.run.pods().find((pod) => (pod.spec.service ?? pod.spec.name) === target)!;
    const ready = async () => (await page(spec.address, port, '/ready'))?.status === 200;
    await mesh.run.command(`${spec.name}: stop`);
    await mesh.until('it is gone', async () => await page(spec.address, port, '/ready') === undefined);
    const [program, ...args] = spec.processes.find((process) => process.role === role)!.command;
    const { env, cwd } = spec.processes.find((process) => process.role === role)!;
    const begun = performance.now();
    const child = spawn(program!, args, { env, cwd, stdio: 'ignore' });
    const ended = new Promise((done) => child.once('close', done));
    try {
      while (!await ready()) await new Promise((done) => setTimeout(done, 5));
      process.stdout.write(`${role}: ${Math.round(performance.now() - begun)} ms from start to ready${processorTime(child.pid!)}\n`);
    } finally {
      child.kill('SIGKILL');
      await ended;
      await mesh.run.command(`${spec.name}: start`);
    }
  }
  expect(await mesh.run.settled(30_000)).toBe(true);
});
