import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { App, Chart, Duration } from 'cdk8s';
import { stringify } from 'yaml';
import { DataPlane, Fault, GrpcMatch, GrpcRoute, GrpcRule, LoadBalancer, Mesh, MeshService, ServicePort, StringMatch, Timeout, Weighted } from 'meshwright';
import { Who } from './who';

const ROOT = resolve(__dirname, '../../..');
export const PORT = 50051;

/** What a run may change. */
export interface Settings {
  /** Of the calls, to the base version and to v2. */
  readonly shares: readonly [number, number];
  readonly faults?: Fault[];
}

/** What the caller calls: `who`, of which calls with `x-version: v2` go to the version v2, and others by shares. None of the pods has a sidecar. */
function synthesize(outdir: string, { shares: [base, v2], faults }: Settings): void {
  const app = new App({ outdir });
  const chart = new Chart(app, 'demo', { namespace: 'demo', disableResourceNameHashes: true });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'demo.example' });
  const common = {
    mesh, port: ServicePort.grpc(PORT), timeout: Timeout.total(Duration.seconds(10)), loadBalancer: LoadBalancer.roundRobin(),
    dataPlane: DataPlane.PROXYLESS_GRPC,
  };
  const caller = new MeshService(chart, 'caller', { ...common, image: 'demo/caller:1' });
  const who = new MeshService(chart, 'who', { ...common, image: 'demo/who:1', faults });
  who.acknowledge('MW172', 'a test on one machine');
  const second = who.addVersion('v2', { image: 'demo/who:2' });
  caller.calls(who);
  new GrpcRoute(chart, 'shares', {
    service: who,
    rules: [
      GrpcRule.forward(second, { name: 'asked', matches: [{ headers: { 'x-version': StringMatch.exact('v2') } } satisfies GrpcMatch] }),
      GrpcRule.split([Weighted.of(who, base), Weighted.of(second, v2)], { name: 'shares' }),
    ],
  });
  app.synth();
}

/** The control plane as a process, over a folder of manifests; servers of gRPC in this one are the endpoints. */
export class ProxylessMesh {
  private readonly root = mkdtempSync(join(tmpdir(), 'meshwright-proxyless-'));
  private readonly manifests = join(this.root, 'manifests');
  private readonly servers: Who[] = [];
  private child: ChildProcess | undefined;
  private address = '';

  static async start(): Promise<ProxylessMesh> {
    const mesh = new ProxylessMesh();
    mkdirSync(mesh.manifests);
    synthesize(mesh.manifests, { shares: [90, 10] });
    const child = spawn(process.execPath, [
      join(ROOT, 'lib/runtime/control-plane.js'), '--source', `folder:${mesh.manifests}`, '--xds-address', '127.0.0.1:0', '--log-level', 'info',
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    mesh.child = child;
    for await (const line of createInterface({ input: child.stderr })) {
      const { message, fields } = JSON.parse(line) as { message: string; fields?: { xds?: string } };
      if (message !== 'serving') continue;
      mesh.address = fields!.xds!;
      break;
    }
    return mesh;
  }

  change(settings: Settings): void {
    synthesize(this.manifests, settings);
  }

  async server(name: string, address: string): Promise<Who> {
    const server = await Who.listen(name, address, PORT);
    this.servers.push(server);
    return server;
  }

  /** The endpoints of a version, whole at once. */
  endpoints(service: string, addresses: readonly string[]): void {
    const draft = join(this.root, 'draft.yaml');
    writeFileSync(draft, stringify({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: service, namespace: 'demo', labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      ports: [{ name: 'grpc', protocol: 'TCP', port: PORT }],
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    }));
    renameSync(draft, join(this.manifests, `endpoints-${service}.yaml`));
  }

  bootstrap(): object {
    return {
      xds_servers: [{ server_uri: this.address, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
      node: {
        id: 'caller-1.demo', cluster: 'caller.demo', locality: {},
        metadata: { service: 'caller', namespace: 'demo', version: 'base', podIp: '127.0.0.1' },
      },
    };
  }

  async stop(): Promise<void> {
    for (const server of this.servers) server.close();
    if (this.child && this.child.exitCode === null) {
      const ended = once(this.child, 'close');
      this.child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}
