import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAllDocuments, stringify } from 'yaml';
import { localSidecarArgs } from '../../../runtime/local/sidecar';
import { ADMIN_PORT, CONTROL_PLANE_ADMIN_PORT, HEALTH_PORT, INBOUND_PORT, OUTBOUND_PORT, XDS_PORT } from '../../../src/contract';
import { Backends } from './backends';
import type { Target } from './client';
import { differentialMesh, NAMESPACE, PORT, VERSIONS } from './mesh';

const root = resolve(__dirname, '../../..');
const CONTROL_PLANE = '127.76.0.2';

/** One of the two sidecars of the client. */
export interface Proxy {
  readonly name: 'envoy' | 'ours';
  readonly address: string;
  readonly outbound: Target;
  readonly inbound: Target;
}

export interface Setup {
  readonly envoy: Proxy;
  readonly ours: Proxy;
  readonly backends: Backends;
  /** Envoy's counters whose name contains the text. */
  envoyStats(filter: string): Promise<Map<string, number>>;
  /** What the control plane says of everything that it read and sent. */
  controlPlaneStatus(): Promise<any>;
  stop(): Promise<void>;
}

/** Starts the control plane on the synthesized mesh, both proxies of the client's pod, and every backend. */
export async function setUp(): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-differential-'));
  const backends = new Backends();
  const processes: ChildProcess[] = [];
  const agents: Agent[] = [];
  const stop = async () => {
    agents.forEach((agent) => agent.destroy());
    // In reverse: no proxy reconnects to a control plane that is gone.
    for (const child of [...processes].reverse()) await end(child);
    await backends.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const manifests = join(folder, 'manifests');
    mkdirSync(manifests);
    differentialMesh(manifests).synth();
    await startBackends(backends, manifests);
    processes.push(run(process.execPath, [
      join(root, 'lib/runtime/control-plane.js'), '--source', `folder:${manifests}`, '--status-file', join(folder, 'status.json'),
      '--xds-address', `${CONTROL_PLANE}:${XDS_PORT}`, '--admin-address', `${CONTROL_PLANE}:${CONTROL_PLANE_ADMIN_PORT}`,
    ]));
    await ready(`http://${CONTROL_PLANE}:${CONTROL_PLANE_ADMIN_PORT}/ready`, processes);

    const args = sidecarArgs(manifests);
    const proxy = async (name: Proxy['name'], address: string, command: (local: string[]) => string[], readiness: string): Promise<Proxy> => {
      await backends.listen('client', address, PORT);
      const env = { POD_NAME: `client-${name}`, POD_NAMESPACE: NAMESPACE, POD_IP: address };
      const place = { address, controlPlanes: [CONTROL_PLANE], region: undefined, zone: undefined, snapshots: join(folder, `snapshot-${name}`), identity: undefined };
      const [program, ...rest] = command(localSidecarArgs(args, env, place));
      processes.push(run(program, rest));
      await ready(`http://${address}:${readiness}`, processes);
      const target = (port: number): Target => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        agents.push(agent);
        return { address, port, agent };
      };
      return { name, address, outbound: target(OUTBOUND_PORT), inbound: target(INBOUND_PORT) };
    };
    const envoyBinary = execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), 'envoy'], { encoding: 'utf8' }).trim();
    const envoy = await proxy('envoy', '127.76.9.1',
      (local) => [envoyBinary, ...forEnvoy(local), '--concurrency', '1', '--disable-hot-restart'], `${ADMIN_PORT}/ready`);
    const ours = await proxy('ours', '127.76.9.2', (local) => [process.execPath, join(root, 'lib/runtime/proxy.js'), ...local], `${HEALTH_PORT}/ready`);
    return {
      envoy,
      ours,
      backends,
      stop,
      envoyStats: async (filter) => {
        const text = await read(`http://${envoy.address}:${ADMIN_PORT}/stats?filter=${filter}`);
        return new Map(text.body.trim().split('\n').filter((line) => line !== '').map((line): [string, number] => [line.split(': ')[0], Number(line.split(': ')[1])]));
      },
      controlPlaneStatus: async () => JSON.parse((await read(`http://${CONTROL_PLANE}:${CONTROL_PLANE_ADMIN_PORT}/status`)).body),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The arguments of the client's sidecar, as its Deployment has them. */
function sidecarArgs(manifests: string): string[] {
  const documents = readdirSync(manifests).flatMap((name) => parseAllDocuments(readFileSync(join(manifests, name), 'utf8')).map((document) => document.toJS()));
  const deployment = documents.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'client');
  return deployment.spec.template.spec.initContainers[0].args;
}

/** Without what Envoy does not know of our sidecar's options, or is told otherwise here, and of its bootstrap. */
function forEnvoy(args: readonly string[]): string[] {
  const unknown = ['--health-address', '--snapshot-path', '--concurrency'];
  return args.filter((arg, index) => !unknown.includes(arg) && !unknown.includes(args[index - 1] ?? ''))
    .map((arg, index, all) => (all[index - 1] === '--config-yaml' ? JSON.stringify({ ...JSON.parse(arg) as object, overload_manager: undefined }) : arg));
}

async function startBackends(backends: Backends, manifests: string): Promise<void> {
  for (const [index, { service, replicas, listening }] of VERSIONS.entries()) {
    const addresses = Array.from({ length: replicas }, (_, replica) => `127.76.${20 + index}.${replica + 1}`);
    if (listening) for (const address of addresses) await backends.listen(service, address, INBOUND_PORT);
    writeFileSync(join(manifests, `endpoints-${service}.yaml`), stringify({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: service, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: INBOUND_PORT }],
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true, serving: true, terminating: false } })),
    }));
  }
}

function run(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr!.on('data', (chunk) => { errors = (errors + chunk).slice(-8000); });
  child.on('exit', (code, signal) => {
    if (code !== 0 && signal === null) process.stderr.write(`${program} ended with ${code}:\n${errors}\n`);
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  // What is in flight at the end of this test is of no interest to anybody.
  child.kill('SIGKILL');
  await exited;
}

/** Asks until the answer is 200; a process of ours that has ended will not give it. */
async function ready(url: string, processes: readonly ChildProcess[]): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (processes.some(({ exitCode }) => exitCode !== null)) throw new Error(`a process ended before ${url} was ready`);
    const { status } = await read(url).catch(() => ({ status: 0 }));
    if (status === 200) return;
    await pause(50);
  }
  throw new Error(`${url} does not become ready`);
}

function read(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve_, reject) => {
    get(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => { body += chunk; });
      response.on('end', () => resolve_({ status: response.statusCode!, body }));
    }).on('error', reject);
  });
}
