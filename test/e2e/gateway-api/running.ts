/** The control plane and the sidecar of one caller as processes, and every endpoint of its mesh; on manifests of Gateway API as people write them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAllDocuments, stringify } from 'yaml';
import type { Condition } from '../../../runtime/control-plane/status';
import { localSidecarArgs } from '../../../runtime/local/sidecar';
import { CONTROL_PLANE_ADMIN_PORT, HEALTH_PORT, OUTBOUND_PORT, PROXY_CONTAINER, XDS_PORT } from '../../../src/contract';
import { Backends } from '../envoy/backends';
import { send, type Answer } from '../envoy/client';
import type { Case } from '../envoy/table';

const ROOT = resolve(__dirname, '../../..');
/** Where a sidecar's arguments are as synth writes them. */
const SHOP = join(ROOT, 'test/testdata/examples/ecommerce.yaml');
const MESH = join(ROOT, 'test/testdata/control-plane/gateway-api.in.yaml');
const CONTROL_PLANE = '127.78.0.2';
const CLIENT = '127.78.9.1';
/** Services that have endpoints. `withheld` too: what is not permitted must not be kept away by chance. */
const SERVICES = ['web/echo', 'web/one', 'web/two', 'other/shared', 'other/granted', 'other/withheld'];
const ENDPOINT_PORT = 15_006;


/** What is said of an object. */
export interface Said {
  readonly conditions: readonly Condition[];
  readonly parents?: readonly { readonly index: number; readonly accepted: Omit<Condition, 'observedGeneration'> }[];
}

export class RunningGatewayApi {
  readonly backends = new Backends();
  private readonly folder = mkdtempSync(join(tmpdir(), 'meshwright-gateway-api-'));
  private readonly processes: ChildProcess[] = [];
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 });
  private asked = 0;

  static async start(): Promise<RunningGatewayApi> {
    const made = new RunningGatewayApi();
    try {
      await made.begin();
      return made;
    } catch (error) {
      await made.stop();
      throw error;
    }
  }

  private async begin(): Promise<void> {
    const manifests = join(this.folder, 'manifests');
    mkdirSync(manifests);
    // The first document says of which node the golden of this mesh is.
    const documents = parseAllDocuments(readFileSync(MESH, 'utf8')).map((document) => document.toJS() as { kind: string }).filter(({ kind }) => kind !== 'Node');
    writeFileSync(join(manifests, 'mesh.yaml'), documents.map((document) => stringify(document)).join('---\n'));
    for (const [index, service] of SERVICES.entries()) {
      const [namespace, name] = service.split('/');
      const address = `127.78.${20 + index}.1`;
      await this.backends.listen(name, address, ENDPOINT_PORT);
      writeFileSync(join(manifests, `endpoints-${namespace}-${name}.yaml`), stringify({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports: [{ protocol: 'TCP', port: ENDPOINT_PORT }],
        endpoints: [{ addresses: [address], conditions: { ready: true } }],
      }));
    }
    this.run('control-plane', [
      '--source', `folder:${manifests}`, '--status-file', join(this.folder, 'status.json'),
      '--xds-address', `${CONTROL_PLANE}:${XDS_PORT}`, '--admin-address', `${CONTROL_PLANE}:${CONTROL_PLANE_ADMIN_PORT}`,
    ]);
    await this.ready(`http://${CONTROL_PLANE}:${CONTROL_PLANE_ADMIN_PORT}/ready`);
    const env = { POD_NAME: 'client-1', POD_NAMESPACE: 'web', POD_IP: CLIENT };
    this.run('proxy', localSidecarArgs(clientArgs(), env, {
      address: CLIENT, controlPlanes: [CONTROL_PLANE], region: undefined, zone: undefined, snapshots: join(this.folder, 'snapshot'), identity: undefined,
    }));
    await this.ready(`http://${CLIENT}:${HEALTH_PORT}/ready`);
  }

  /** A request of the caller to a Service, through its sidecar. */
  async ask(path: string, request: Partial<Case> = {}): Promise<Answer & { readonly id: string }> {
    this.asked += 1;
    const id = `request-${this.asked}`;
    const answer = await send({ address: CLIENT, port: OUTBOUND_PORT, agent: this.agent }, { host: 'echo', path, ...request }, id);
    return { ...answer, id };
  }

  /** What the control plane says of an object. */
  async said(kind: string, name: string): Promise<Said> {
    const { body } = await read(`http://${CONTROL_PLANE}:${CONTROL_PLANE_ADMIN_PORT}/status`);
    const { objects } = JSON.parse(body) as { objects: (Said & { kind: string; namespace: string; name: string })[] };
    const found = objects.find((one) => one.kind === kind && `${one.namespace}/${one.name}` === name);
    if (!found) throw new Error(`nothing is said of ${kind} ${name}`);
    return found;
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    for (const child of [...this.processes].reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    await this.backends.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private run(bundle: string, args: readonly string[]): void {
    const child = spawn(process.execPath, [join(ROOT, `lib/runtime/${bundle}.js`), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr!.on('data', (chunk) => { errors = (errors + chunk).slice(-8000); });
    child.on('exit', (code, signal) => {
      if (code !== 0 && signal === null) process.stderr.write(`${bundle} ended with ${code}:\n${errors}\n`);
    });
    this.processes.push(child);
  }

  /** Asks until the answer is 200; a process that has ended will not give it. */
  private async ready(url: string): Promise<void> {
    for (let attempt = 0; attempt < 600; attempt++) {
      if (this.processes.some(({ exitCode }) => exitCode !== null)) throw new Error(`a process ended before ${url} was ready`);
      const { status } = await read(url).catch(() => ({ status: 0 }));
      if (status === 200) return;
      await pause(50);
    }
    throw new Error(`${url} does not become ready`);
  }
}

/** The sidecar of a service of an example, as one of the client. */
function clientArgs(): string[] {
  const documents = parseAllDocuments(readFileSync(SHOP, 'utf8')).map((document) => document.toJS());
  const { spec } = documents.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'order');
  const args: string[] = spec.template.spec.initContainers.find(({ name }: { name: string }) => name === PROXY_CONTAINER).args;
  return args.map((arg) => {
    if (!arg.startsWith('{')) return arg;
    const bootstrap = JSON.parse(arg);
    return JSON.stringify({ ...bootstrap, node: { ...bootstrap.node, cluster: 'client.web', metadata: { ...bootstrap.node.metadata, service: 'client', namespace: 'web' } } });
  });
}

async function read(url: string): Promise<{ status: number; body: string }> {
  return new Promise((done, failed) => {
    get(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => done({ status: response.statusCode!, body }));
    }).on('error', failed);
  });
}
