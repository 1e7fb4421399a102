import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../../runtime/clock';
import { startControlPlane, type ControlPlane } from '../../../runtime/control-plane/control-plane';
import { interceptArguments } from '../../../src/contract';
import { mesh } from '../../runtime/control-plane/support/documents';
import { MemorySource } from '../../runtime/control-plane/support/memory-source';
import { Pod } from './namespace';
import { ask, imageFolder, inUrl, listen, ready, visit } from './support';

/** A guest's pod in a network namespace of its own: the rules that its init container loads, its proxy as the bundle of the image, and its application. */

const PROXY = 1337;
const APP = 1000;
const EXCLUDED = 1001;
const HOST = 'whatever.example';
const CLUSTER_IP = { v4: '10.96.0.10', v6: 'fd96::10' };

jest.setTimeout(60_000);

let pod: Pod;
let folder: string;
let controlPlane: ControlPlane;
let upstream: Server;
let direct: TcpServer;

const port = (server: Server | TcpServer) => (server.address() as AddressInfo).port;

beforeAll(async () => {
  pod = new Pod('mwintercept', 41);
  folder = imageFolder();

  upstream = createServer((incoming, answer) => answer.end(`upstream ${incoming.headers.host} ${incoming.headers['x-request-id'] ? 'proxied' : 'direct'}`));
  await once(upstream.listen(0, '::'), 'listening');
  // Says who connects: the proxy's connections and those of an application alone look the same to it, but it speaks first.
  direct = createTcpServer((socket) => socket.end('bytes'));
  await once(direct.listen(0, '::'), 'listening');

  const sidecar = { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } };
  controlPlane = await startControlPlane({
    clock: systemClock,
    source: new MemorySource([
      mesh([], { injection: { proxy: sidecar, interception: {} } }),
      {
        apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo', namespace: 'shop' },
        spec: { clusterIPs: [CLUSTER_IP.v4, CLUSTER_IP.v6], ports: [{ name: 'http', port: 8080, appProtocol: 'http' }] },
      },
      {
        apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'echo-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'echo' } },
        addressType: 'IPv4', ports: [{ name: 'http', port: port(upstream) }], endpoints: [{ addresses: [pod.hostV4], conditions: { ready: true } }],
      },
    ]),
    xdsAddress: { host: pod.hostV4, port: 0 },
  });

  const rules = interceptArguments({ excludeOutboundPorts: [controlPlane.xdsPort], excludeUids: [EXCLUDED], excludeOutboundCidrs: ['10.78.0.0/16', 'fd78::/32'] });
  // Twice: the container may be started again.
  for (let time = 0; time < 2; time++) pod.root(process.execPath, [join(folder, 'intercept.js'), ...rules]);
  const proxy = pod.spawn(PROXY, process.execPath, join(folder, 'proxy.js'), '--config-yaml', bootstrap(), '--service-node', 'app-1.shop', '--service-cluster', 'app.shop',
    '--health-address', '0.0.0.0:15020', '--log-level', 'info');
  await ready(pod, proxy);
  await once(pod.spawn(APP, process.execPath, '-e', `
    require('http').createServer((q, r) => r.end('app ' + q.headers.host)).listen(9000, '::', () => console.log('up'));
  `).stdout!, 'data');
});

afterAll(async () => {
  await pod?.close();
  await controlPlane?.close();
  upstream?.close();
  upstream?.closeAllConnections();
  direct?.close();
  if (folder) rmSync(folder, { recursive: true });
});

function bootstrap(): string {
  const ads = { ads: {}, resource_api_version: 'V3' };
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const socket = (address: string, port_value: number) => ({ socket_address: { address, port_value } });
  return JSON.stringify({
    node: { metadata: { serviceAccount: 'app', namespace: 'shop', version: 'base', podIp: pod.v4, podIps: `${pod.v4},${pod.v6}`, loopback: '127.0.0.1', intercepted: true } },
    admin: { address: socket('127.0.0.1', 15000) },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] }, lds_config: ads, cds_config: ads,
    },
    static_resources: {
      clusters: [{
        name: 'xds', type: 'STATIC', connect_timeout: '5s',
        typed_extension_protocol_options: { [options]: { '@type': `type.googleapis.com/${options}`, 'explicit_http_config': { http2_protocol_options: {} } } },
        load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(pod.hostV4, controlPlane.xdsPort) } }] }] },
      }],
    },
  });
}

/** Counters of the proxy. */
async function stat(name: RegExp): Promise<number> {
  const text = await pod.run(PROXY, process.execPath, '-e', 'fetch("http://127.0.0.1:15000/stats/prometheus").then((a) => a.text()).then(console.log)');
  return text.split('\n').filter((line) => name.test(line)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
const PASSED = /^envoy_cluster_upstream_cx_total\{.*"pass-through"/;

describe.each([['IPv4', 'v4'], ['IPv6', 'v6']] as const)('%s', (_, family) => {
  const outside = () => (family === 'v4' ? pod.hostV4 : pod.hostV6);

  test('a request to the address of a Service goes by its routes, whatever Host says', async () => {
    expect(await ask(pod, APP, `http://${inUrl(CLUSTER_IP[family])}:8080/`, HOST)).toBe('200 upstream whatever.example proxied');
  });

  test('what is in no mesh is passed on as it is, also where the server speaks first', async () => {
    const before = await stat(PASSED);
    expect(await ask(pod, APP, `http://${inUrl(outside())}:${port(upstream)}/`, HOST)).toBe('200 upstream whatever.example direct');
    expect(await listen(pod, APP, outside(), port(direct))).toBe('bytes');
    expect(await stat(PASSED)).toBe(before + 2);
  });

  test('an excluded user goes past the proxy', async () => {
    const before = await stat(PASSED);
    expect(await listen(pod, EXCLUDED, outside(), port(direct))).toBe('bytes');
    expect(await stat(PASSED)).toBe(before);
  });

  test('whoever calls the pod comes to its application by way of the proxy', async () => {
    const before = await stat(PASSED);
    expect(await visit(pod[family], 9000)).toBe(`200 app ${inUrl(pod[family])}:9000`);
    expect(await stat(PASSED)).toBe(before + 1);
  });

  test('the application reaches itself without a proxy, by loopback and by its own address', async () => {
    const before = await stat(PASSED);
    expect(await ask(pod, APP, `http://${family === 'v4' ? '127.0.0.1' : '[::1]'}:9000/`, HOST)).toBe('200 app whatever.example');
    expect(await ask(pod, APP, `http://${inUrl(pod[family])}:9000/`, HOST)).toBe('200 app whatever.example');
    expect(await stat(PASSED)).toBe(before);
  });

  test('who dials the proxy itself is not passed on to it for ever: the connection ends', async () => {
    const before = await stat(PASSED);
    await new Promise<void>((done) => { connect(15006, pod[family]).on('error', () => {}).once('close', () => done()).resume(); });
    expect(await stat(PASSED)).toBe(before);
  });
});

test('the kubelet\'s probes of the proxy are not redirected', async () => {
  expect(await visit(pod.v4, 15020)).toMatch(/^404/);
  expect(pod.root('nft', ['list', 'ruleset']).match(/chain/g)).toHaveLength(2);
});
