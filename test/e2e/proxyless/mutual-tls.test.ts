import { connect } from 'node:net';
import { resolve } from 'node:path';
import { Chart, type App } from 'cdk8s';
import { stringify } from 'yaml';
import { DataPlane, LoadBalancer, Mesh, MeshService, ServicePort } from 'meshwright';
import type { TrustProgress } from '../../../runtime/control-plane/identity/trust-progress';
import type { StatusReport } from '../../../runtime/control-plane/status';
import { CONTROL_PLANE_ADMIN_PORT, GRPC_BOOTSTRAP, INBOUND_PORT } from '../../../src/contract';
import { Manifests, RunningShop } from '../local/shop';
import { ForeignClient } from './client';
import { CLIENTS } from './foreign-clients';

/**
 * Pods without a proxy in a mesh whose other pods have our sidecar, all as `meshwright up` runs them: each has its agent, which keeps its certificate in
 * files and has its library of gRPC reach the control plane, and calls the sidecars of others by mutual TLS. Needs the bundles: npx projen bundle.
 */
jest.setTimeout(180_000);

const PORT = 9090;

function program(app: App): Chart {
  const chart = new Chart(app, 'demo', { namespace: 'demo', disableResourceNameHashes: true });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'demo.example' });
  const service = (id: string, dataPlane?: DataPlane) => new MeshService(chart, id, {
    mesh, image: 'demo/who:1', port: ServicePort.grpc(PORT), replicas: id === 'who' ? 2 : 1, dataPlane, loadBalancer: LoadBalancer.roundRobin(),
  });
  const who = service('who');
  service('caller', DataPlane.PROXYLESS_GRPC).calls(who);
  service('stranger', DataPlane.PROXYLESS_GRPC);
  return chart;
}

let shop: RunningShop;
const clients: ForeignClient[] = [];
beforeAll(async () => {
  const server = resolve(__dirname, 'clients/who-server.mjs');
  shop = await RunningShop.start('127.95.0.0/16', new Manifests(program, stringify({ images: { 'demo/who': { command: ['node', server] } } })));
  if (!await shop.run.settled(90_000)) throw new Error(`not ready: ${shop.run.missing().map(({ name }) => name).join(', ')}`);
});
afterAll(async () => {
  for (const client of clients) await client.kill();
  await shop?.stop();
});

/** What the application of a pod would start from. */
function bootstrapOf(service: string): object {
  const [pod] = shop.pods(service);
  return JSON.parse(pod!.processes.find(({ role }) => role === 'app')!.env[GRPC_BOOTSTRAP]!) as object;
}

function clientOf(command: readonly string[], service: string, target = `xds:///who:${PORT}`): ForeignClient {
  const started = ForeignClient.start([...command, target], bootstrapOf(service));
  clients.push(started);
  return started;
}

describe.each(CLIENTS)('%s', (_name, command) => {
  test('calls pods that take mutual TLS alone, as the identity of its pod', async () => {
    const caller = clientOf(command(), 'caller');
    expect(Object.keys(await caller.burst(100)).sort()).toEqual(shop.pods('who').map(({ address }) => address).sort());
  });

  test('whose pod declares no call has no such name, and the certificate of its pod is not let in', async () => {
    const bootstrap = bootstrapOf('stranger') as { node: { metadata: { service: string }; id: string } };
    // It lies: the control plane sees by its certificate whose pod it is.
    bootstrap.node.metadata.service = 'caller';
    const liar = ForeignClient.start([...command(), `xds:///who:${PORT}`], bootstrap);
    clients.push(liar);
    // UNAVAILABLE, or its deadline while it tries again.
    expect(Object.keys(await liar.burst(1))[0]).toMatch(/^error (?:14|4)$/);
  });
});

test('nothing in plain text comes in', async () => {
  const [pod] = shop.pods('who');
  const text = await new Promise<string>((done) => {
    let all = '';
    const socket = connect(INBOUND_PORT, pod!.address);
    socket.setEncoding('latin1').on('data', (chunk: string) => { all += chunk; });
    socket.on('error', () => {});
    socket.on('close', () => done(all));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  });
  // SETTINGS is what a server of HTTP/2 would begin with.
  expect(text).not.toMatch(/^\0\0[^]\x04/);
});

test('clients have acknowledged what they were sent', async () => {
  const caller = clientOf(CLIENTS[0]![1](), 'caller');
  await caller.burst(1);
  const callers = async () => {
    const pages = await Promise.all(shop.run.pods().filter(({ spec }) => spec.service === undefined)
      .map(async ({ spec }) => (await fetch(`http://${spec.address}:${CONTROL_PLANE_ADMIN_PORT}/status`)).json() as Promise<StatusReport>));
    return pages.flatMap(({ proxies }) => proxies).filter(({ service }) => service === 'demo/caller').map(({ state }) => state);
  };
  await shop.until('the control plane that it is connected to says that it runs all of it', async () => (await callers()).includes('current'));
  expect(await callers()).not.toContain('refused');
});

test('who replaces the root waits for the agents of these pods as for sidecars', async () => {
  const { length } = ['who', 'caller', 'stranger'].flatMap((service) => shop.pods(service));
  const known = async () => {
    const pages = await Promise.all(shop.run.pods().filter(({ spec }) => spec.service === undefined)
      .map(async ({ spec }) => (await fetch(`http://${spec.address}:${CONTROL_PLANE_ADMIN_PORT}/identity`)).json() as Promise<TrustProgress>));
    return pages.reduce((sum, { proxies }) => sum + proxies, 0);
  };
  await shop.until('each pod is among those who are to know the roots', async () => (await known()) === length);
});
