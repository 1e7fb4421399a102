import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { App, Chart } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { localSidecarArgs } from '../../../runtime/local/sidecar';
import { Discovery, LoadBalancer, Mesh, MeshService, ServicePort } from '../../../src';
import { CONTROL_PLANE_ADMIN_PORT, HEALTH_PORT, OUTBOUND_PORT, PROXY_CONTAINER, XDS_PORT } from '../../../src/contract';
import { FakeConsul } from '../../runtime/control-plane/support/fake-consul';

/**
 * Instances that Consul has, from the construct to the request: the program's manifests, the control plane with the arguments that they give it, the
 * sidecar of a caller, and machines. Of Consul there is what answers in its form (FakeConsul). Needs the bundles: npx projen bundle.
 */
jest.setTimeout(60_000);

const ROOT = resolve(__dirname, '../../..');
const CONTROL_PLANE = '127.89.0.2';
const CLIENT = '127.89.9.1';
const machine = (number: number) => `127.89.20.${number}`;
const PORT = 9001;
const HOST = 'payment.shop.svc.cluster.local';

let folder: string;
let consul: FakeConsul;
const machines: Server[] = [];
const processes: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-consul-'));
  consul = await FakeConsul.start({ 'legacy-payment': [{ address: machine(1), port: PORT }] });
  for (const number of [1, 2]) {
    const server = createServer((_, response) => response.end(`machine ${number}`));
    machines.push(server);
    await once(server.listen(PORT, machine(number)), 'listening');
  }
  const documents = synthesized();
  const argsOf = (name: string, list: 'containers' | 'initContainers', container: string): string[] => (
    documents.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name).spec.template.spec[list]
      .find((one: { name: string }) => one.name === container).args);
  // What is of a cluster is left out: its API, who signs, and where pods listen.
  const sources = argsOf('meshwright-control-plane', 'containers', 'meshwright-control-plane')
    .filter((arg, index, all) => all[index - 1] === '--source' && arg !== 'kubernetes');
  expect(sources).toEqual([`consul:${consul.address}`]);
  const admin = `${CONTROL_PLANE}:${CONTROL_PLANE_ADMIN_PORT}`;
  await run('control-plane', [
    ...[`folder:${join(folder, 'dist')}`, ...sources].flatMap((source) => ['--source', source]),
    '--xds-address', `${CONTROL_PLANE}:${XDS_PORT}`, '--admin-address', admin,
  ], `http://${admin}/ready`);
  const env = { POD_NAME: 'order-1', POD_NAMESPACE: 'shop', POD_IP: CLIENT };
  await run('proxy', localSidecarArgs(argsOf('order', 'initContainers', PROXY_CONTAINER), env, {
    address: CLIENT, controlPlanes: [CONTROL_PLANE], region: undefined, zone: undefined, snapshots: join(folder, 'snapshot'), identity: undefined,
  }), `http://${CLIENT}:${HEALTH_PORT}/ready`);
});

afterAll(async () => {
  for (const child of processes.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await Promise.all(machines.map(async (server) => new Promise((done) => server.close(done))));
  await consul?.stop();
  rmSync(folder, { recursive: true });
});

/** order calls payment, which has no pod: all that it has are machines. */
function synthesized(): any[] {
  const outdir = join(folder, 'dist');
  mkdirSync(outdir);
  const app = new App({ outdir });
  const chart = new Chart(app, 'shop', { namespace: 'shop', disableResourceNameHashes: true });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example', controlPlane: { consul: { address: consul.address } } });
  const port = ServicePort.http(8080);
  const payment = new MeshService(chart, 'payment', {
    mesh, port, image: 'shop/payment:1', replicas: 0, discovery: Discovery.consul('legacy-payment'), loadBalancer: LoadBalancer.roundRobin(),
  });
  new MeshService(chart, 'order', { mesh, port, image: 'shop/order:1' }).calls(payment);
  app.synth();
  return readdirSync(outdir).flatMap((file) => parseAllDocuments(readFileSync(join(outdir, file), 'utf8')).map((one) => one.toJS() as unknown));
}

/** Starts a program, and resolves once it says that it is ready. */
async function run(bundle: string, args: readonly string[], ready: string): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, `lib/runtime/${bundle}.js`), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  processes.push(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  while (!await fetch(ready).then(({ ok }) => ok, () => false)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${bundle} ended:\n${said}`);
  }
}

/** What the application of order is answered. */
async function ask(): Promise<string> {
  return new Promise((done, failed) => {
    get({ host: CLIENT, port: OUTBOUND_PORT, path: `http://${HOST}/`, headers: { host: HOST }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; });
      response.on('end', () => done(`${response.statusCode} ${response.statusCode === 200 ? text : ''}`.trim()));
    }).on('error', failed);
  });
}

/** Who answers, of enough requests that everybody is among them. */
async function answers(): Promise<string[]> {
  return [...new Set(await Promise.all(Array.from({ length: 8 }, ask)))].sort();
}

/** Asks until it is so: nobody is told when a sidecar has taken what Consul said. */
async function until(expected: string[]): Promise<void> {
  while (JSON.stringify(await answers()) !== JSON.stringify(expected));
}

test('a call is answered by an instance', async () => {
  expect(await answers()).toEqual(['200 machine 1']);
});

test('an instance that comes is called by the answer to a blocking query, and one with a critical check no longer', async () => {
  consul.put('legacy-payment', [{ address: machine(1), port: PORT }, { address: machine(2), port: PORT }]);
  await until(['200 machine 1', '200 machine 2']);
  consul.put('legacy-payment', [{ address: machine(1), port: PORT, status: 'critical' }, { address: machine(2), port: PORT }]);
  await until(['200 machine 2']);
  expect(consul.queries.slice(1, 3).map((query) => [query.get('index'), query.get('wait')])).toEqual([['10', '300s'], ['11', '300s']]);
});

test('Consul is away: what is known is called; afterwards it is asked again', async () => {
  await consul.stop();
  for (let time = 0; time < 5; time++) expect(await answers()).toEqual(['200 machine 2']);
  await consul.listen();
  consul.put('legacy-payment', [{ address: machine(1), port: PORT }]);
  await until(['200 machine 1']);
});
