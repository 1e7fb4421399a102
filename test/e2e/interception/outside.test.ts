import { EventEmitter, once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../../runtime/clock';
import { startControlPlane, type ControlPlane } from '../../../runtime/control-plane/control-plane';
import { FileAuthorityStore } from '../../../runtime/control-plane/identity/file-store';
import { ListedTokenVerifier } from '../../../runtime/control-plane/identity/token';
import { TrustBundleFile } from '../../../runtime/control-plane/identity/trust-bundle-file';
import { silentLog } from '../../../runtime/control-plane/log';
import { expand } from '../../../runtime/local/expand';
import { CONTROL_PLANE, injected, type InjectionSettings } from '../../../src/contract';
import { mesh, meshService, service, slice, type Manifest } from '../../runtime/control-plane/support/documents';
import { MemorySource } from '../../runtime/control-plane/support/memory-source';
import { Authority } from '../../runtime/proxy/support/pki';
import { Bridge, Pod } from './namespace';
import { ask, imageFolder, listen, ready } from './support';

/**
 * What the application of an intercepted service reaches outside of the mesh. This machine, on the other side of the bridge, is the outside: at one
 * address by several names, and at another that no rule is about but its network.
 */
jest.setTimeout(120_000);

const NET = 43;
const APP = 1000;
const PROXY = 1337;
const CARDS = 'api.cards.example';
const ALLOWED = 'mirror.packages.example';
const DENIED = 'evil.example';
const LEDGER = 'ledger.bank.example';

let bridge: Bridge;
let pod: Pod;
let folder: string;
let ca: Authority;
let controlPlane: ControlPlane;
const servers: (Server | TlsServer | TcpServer)[] = [];
/** What the proxy has written, its access log among it. */
let log = '';
const written = new EventEmitter();

const SETTINGS: InjectionSettings = {
  controlPlane: { namespace: 'shop', trustDomain: 'shop.example', clusterDomain: undefined },
  proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
  interception: {},
};
/** An address of this machine beside that of the bridge. */
const beside = () => `10.77.${NET}.200`;

beforeAll(async () => {
  ca = await Authority.create('outside');
  bridge = new Bridge('mwoutside', NET);
  pod = new Pod('mwoutorder', NET, 10, bridge);
  bridge.alsoAt(beside());
  pod.hosts({
    ...Object.fromEntries([CARDS, ALLOWED, DENIED, LEDGER].map((name) => [name, bridge.v4])), [`${CONTROL_PLANE}.shop.svc.cluster.local`]: bridge.v4,
  });
  await outside();
  folder = imageFolder();
  const tokens = new Map([['token', { namespace: 'shop', serviceAccount: 'order', pod: 'order-0' }]]);
  controlPlane = await startControlPlane({
    clock: systemClock,
    source: new MemorySource(documents()),
    xdsAddress: { host: bridge.v4, port: 15010 },
    identity: {
      authority: new FileAuthorityStore({ clock: systemClock, log: silentLog, file: join(folder, 'authority.json'), create: 'shop.example' }),
      tokens: new ListedTokenVerifier(() => tokens),
      trustDomain: 'shop.example',
      self: { namespace: 'shop', serviceAccount: CONTROL_PLANE },
      dnsNames: [`${CONTROL_PLANE}.shop.svc.cluster.local`],
      address: `${bridge.v4}:15012`,
      publish: new TrustBundleFile(join(folder, 'ca.crt'), silentLog),
    },
  });
  await start();
});

afterAll(async () => {
  await pod?.close();
  await controlPlane?.close();
  for (const server of servers) {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  }
  bridge?.remove();
  if (folder) rmSync(folder, { recursive: true });
});

async function outside(): Promise<void> {
  const { key, chain } = await ca.issue({ dns: [CARDS, ALLOWED, DENIED] });
  const listening = async (server: Server | TlsServer | TcpServer, address: string, port: number) => {
    servers.push(server);
    await once(server.listen(port, address), 'listening');
  };
  const says = (what: string): Parameters<typeof createServer>[1] => (request, response) => {
    const { host, 'x-request-id': id, 'x-forwarded-for': client } = request.headers;
    response.end(`${what} ${host} ${id === undefined ? 'direct' : 'proxied'}${client === undefined ? '' : ` of ${client}`}`);
  };
  await listening(createServer(says('plain')), bridge.v4, 80);
  await listening(createTlsServer({ key, cert: chain }, says('tls')), bridge.v4, 443);
  await listening(createTlsServer({ key, cert: chain }, says('elsewhere')), beside(), 443);
  for (const [address, port] of [[bridge.v4, 5432], [bridge.v4, 7000], [beside(), 7000]] as const) {
    // It speaks first.
    await listening(createTcpServer((socket) => socket.on('error', () => {}).end(`bytes at ${port}`)), address, port);
  }
}

function documents(): Manifest[] {
  const external = (name: string, spec: object): Manifest => ({
    apiVersion: 'mesh.meshwright.dev/v1alpha1',
    kind: 'ExternalService',
    metadata: { name, namespace: 'shop' },
    spec: { mesh: { name: 'mesh', namespace: 'shop' }, loadBalancer: { roundRobin: {} }, ...spec },
  });
  const { spec, ...order } = service('order', 8080) as { spec: object };
  return [
    mesh(),
    meshService('order', ['cards', 'ledger'], { outsideTraffic: { policy: 'registered', hosts: ['*.packages.example'], networks: [`${beside()}/32`] } }),
    { ...order, spec: { ...spec, clusterIPs: ['10.96.0.21'] } },
    slice('order', [pod.v4]),
    external('cards', { hostname: CARDS, port: { number: 443, protocol: 'http' }, tls: { caCertificates: ca.bundle } }),
    external('ledger', { hostname: LEDGER, port: { number: 5432, protocol: 'tcp' } }),
  ];
}

/** What the kubelet does with the pod: the init container, and the sidecar until it is ready. */
async function start(): Promise<void> {
  const { spec } = injected({
    metadata: { labels: { 'mesh.meshwright.dev/service': 'order' } }, spec: { serviceAccountName: 'order', containers: [{ name: 'order' }] },
  }, 'shop', SETTINGS) as { spec: any };
  const [init, sidecar] = spec.initContainers;
  const volume = join(folder, 'order');
  mkdirSync(volume);
  writeFileSync(join(volume, 'token'), 'token');
  writeFileSync(join(folder, 'outside.crt'), ca.bundle);
  chmodSync(volume, 0o777);
  const variables = { POD_NAME: 'order-0', POD_NAMESPACE: 'shop', POD_IP: pod.v4, POD_IPS: `${pod.v4},${pod.v6}` };
  const place = (text: string) => text.replaceAll('/app/', `${folder}/`).replaceAll('/var/run/meshwright/ca.crt', join(folder, 'ca.crt'))
    .replaceAll('/var/run/meshwright', volume).replaceAll('/var/lib/meshwright', volume);
  pod.root(process.execPath, [...init.command.slice(1), ...init.args].map(place));
  const proxy = pod.spawn(PROXY, process.execPath, join(folder, 'proxy.js'), ...sidecar.args.map((arg: string) => place(expand(arg, variables))));
  for (const stream of [proxy.stdout!, proxy.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      written.emit('line');
    });
  }
  await ready(pod, proxy);
}

/** Asks by TLS from within the pod, under a name, at an address. */
async function askTls(name: string, address = bridge.v4): Promise<string> {
  return pod.run(APP, process.execPath, '-e', `
    require('https').get({ host: ${JSON.stringify(address)}, servername: ${JSON.stringify(name)}, headers: { host: ${JSON.stringify(name)} }, agent: false, timeout: 5000,
      ca: require('fs').readFileSync(${JSON.stringify(join(folder, 'outside.crt'))}) }, (answer) => {
      let text = ''; answer.on('data', (chunk) => text += chunk).on('end', () => console.log(answer.statusCode, text));
    }).on('error', (error) => console.log(error.code)).on('timeout', () => console.log('timeout'));
  `);
}

/** Resolves when the log has such a line: it is written a little later than what it is about. */
async function logged(line: RegExp): Promise<void> {
  while (!line.test(log)) await once(written, 'line');
}

async function stat(name: RegExp): Promise<number> {
  const text = await pod.run(PROXY, process.execPath, '-e', 'fetch("http://127.0.0.1:15000/stats/prometheus").then((a) => a.text()).then(console.log)');
  return text.split('\n').filter((line) => name.test(line)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
const DENIALS = /^meshwright_authorization_denied_total\{.*service="outside".*caller="order\.shop"|^meshwright_authorization_denied_total\{.*caller="order\.shop".*service="outside"/;

describe('what is registered and called', () => {
  test('in plain text by its name: the proxy speaks TLS to it, and tells nobody\'s address', async () => {
    expect(await ask(pod, APP, `http://${CARDS}/`)).toBe(`200 tls ${CARDS} proxied`);
  });

  test('by TLS of the application\'s own, as it is', async () => {
    expect(await askTls(CARDS)).toBe(`200 tls ${CARDS} direct`);
  });

  test('to where the name leads, whatever address is dialed under it', async () => {
    // Were the network of that address not allowed, it would be so for every address: here its own rule comes first.
    expect(await askTls(CARDS, '192.0.2.7')).toBe(`200 tls ${CARDS} direct`);
  });

  test('bytes by its port, also where the server speaks first', async () => {
    expect(await listen(pod, APP, bridge.v4, 5432)).toBe('bytes at 5432');
  });
});

describe('what is allowed beside', () => {
  test('a name, by TLS and by HTTP', async () => {
    expect(await askTls(ALLOWED)).toBe(`200 tls ${ALLOWED} direct`);
    for (let time = 0; time < 2; time++) expect(await ask(pod, APP, `http://${ALLOWED}/`)).toBe(`200 plain ${ALLOWED} proxied`);
  });

  test('a network, at any port and by any name', async () => {
    expect(await listen(pod, APP, beside(), 7000)).toBe('bytes at 7000');
    expect(await askTls(DENIED, beside())).toBe(`200 elsewhere ${DENIED} direct`);
  });
});

describe('everything else', () => {
  test('a request is answered 502, by the rule that is missing in the log and not in the answer', async () => {
    const before = await stat(DENIALS);
    const answer = await ask(pod, APP, `http://${DENIED}/secret?token=1`);
    expect(answer).toMatch(/^502 .*outside-denied/);
    expect(answer).not.toMatch(/ExternalService|order|10\.77/);
    await logged(/no rule allows order\.shop → http:\/\/evil\.example; declare an ExternalService and calls\(…\) to it in order\.shop, or allow it by outsideTraffic/);
    expect(await stat(DENIALS)).toBe(before + 1);
    expect(log).not.toContain('token=1');
  });

  test('TLS by another name, and bytes, are closed', async () => {
    const before = await stat(DENIALS);
    expect(await askTls(DENIED)).toMatch(/ECONNRESET|EPROTO/);
    await logged(new RegExp(`no rule allows order\\.shop → ${DENIED.replaceAll('.', '\\.')} at ${bridge.v4.replaceAll('.', '\\.')}:443`));
    expect(await listen(pod, APP, bridge.v4, 7000)).not.toContain('bytes');
    await logged(new RegExp(`no rule allows order\\.shop → ${bridge.v4.replaceAll('.', '\\.')}:7000`));
    expect(await stat(DENIALS)).toBe(before + 2);
  });
});
