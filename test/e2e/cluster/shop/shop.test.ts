import { readFileSync } from 'node:fs';
import { request, type ClientRequest } from 'node:http';
import { join } from 'node:path';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { askProgram, expectAnswer, shopTable, type ShopAnswer, type ShopRequest } from '../../support/shop-table';
import { certificateOf, inboundAnswer } from '../../support/workload-identity';
import { Capture, kubectl, kubectlTried, nodeIn, podsOf, processesOf, rolledOut, ROOT, streamsOf, tlsRecords, type Pod } from '../support';
import { authorityOf, emptied, planeImages, synthesized } from './mesh';

/** The e-commerce mesh on a real cluster, as its manifests are synthesized: what the laptop shows, shown again, and what only a cluster can show. */

// Only a hang may run into it.
jest.setTimeout(300_000);

const NAMESPACE = 'shop';
const of = (service: string) => `mesh.meshwright.dev/service=${service}`;
const sa = (name: string) => `spiffe://shop.example/ns/${NAMESPACE}/sa/${name}`;
const NOT_HTTP = expect.not.stringContaining('HTTP/1.1') as string;

const podOf = async (service: string): Promise<Pod> => (await podsOf(NAMESPACE, of(service)))[0];

/** What the application's container of a pod is answered by the outbound proxy beside it. */
async function ask(pod: Pod, service: string, ...requests: readonly ShopRequest[]): Promise<ShopAnswer[]> {
  return JSON.parse(await nodeIn(pod, service, askProgram, '127.0.0.1', JSON.stringify(requests))) as ShopAnswer[];
}

describe('kubectl apply', () => {
  beforeAll(async () => emptied(NAMESPACE, 'rogue'));

  test('twice, on an empty cluster, with the documents in the most awkward order, ends ready', async () => {
    // Whatever something needs comes after it.
    const dist = synthesized('ecommerce', (documents) => documents.reverse());
    const digests = JSON.parse(readFileSync(join(ROOT, 'build/images.json'), 'utf8')) as Record<string, string>;
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(planeImages(dist)).toEqual(new Set(Object.entries(digests).map(([plane, digest]) => `meshwright/${plane}:${version}@${digest}`)));

    const first = await kubectlTried('apply', '-f', dist);
    expect(first.said).toMatch(/namespaces "shop" not found|no matches for kind "MeshService"/);
    expect(await kubectlTried('apply', '-f', dist)).toMatchObject({ succeeded: true });
    await rolledOut(NAMESPACE);
    expect(await podsOf(NAMESPACE, 'mesh.meshwright.dev/mesh=mesh')).toHaveLength(13);
    // Whoever runs the mesh sees that each of its objects is in force.
    for (const resource of ['mesh/mesh', 'meshservice/payment', 'meshservice/inventory', 'meshservice/order', 'meshservice/storefront']) {
      await kubectl('wait', '-n', NAMESPACE, resource, '--for=condition=Programmed', '--timeout=60s');
    }
    // A third time nothing rolls out.
    const generations = async () => kubectl('get', 'deployments', '-n', NAMESPACE, '-o', 'jsonpath={range .items[*]}{.metadata.name}={.metadata.generation} {end}');
    const before = await generations();
    await kubectl('apply', '-f', dist);
    expect(await generations()).toBe(before);
  });
});

describe('the table of requests', () => {
  const pods = new Map<string, Pod>();
  beforeAll(async () => {
    for (const service of new Set(shopTable.map(({ from }) => from))) pods.set(service, await podOf(service));
    // Connections and their handshakes on a node that has just started everything: what the timeouts of the shop are not made for.
    for (let left = 20; left > 0; left--) {
      const answers = await ask(pods.get('storefront')!, 'storefront', ...Array.from({ length: 5 }, () => ({ method: 'POST', url: 'http://order/orders', body: { sku: 'warm' } })));
      if (answers.every(({ status }) => status === 201)) break;
    }
  });

  test.each(shopTable)('$name', async (one) => {
    const [answer] = await ask(pods.get(one.from)!, one.from, one.request);
    expectAnswer(one, answer);
  });
});

describe('on the wire', () => {
  const MARKER = 'a-secret-that-nobody-else-reads';

  test('between pods there is TLS and nothing else, and what was sent is not to be read', async () => {
    const payments = await podsOf(NAMESPACE, of('payment'));
    const captures = await Promise.all(payments.map(async (pod) => Capture.start(pod, 'eth0', 'tcp')));
    // A caller that was not there before: all of its connections are captured from their first byte.
    const before = new Set((await podsOf(NAMESPACE, of('order'))).map(({ metadata }) => metadata.uid));
    await kubectl('rollout', 'restart', '-n', NAMESPACE, 'deployment/order');
    await rolledOut(NAMESPACE, 'order');
    const order = (await podsOf(NAMESPACE, of('order'))).find(({ metadata }) => !before.has(metadata.uid))!;
    const loopback = await Capture.start(order, 'lo', 'tcp port 15001');
    const requests = Array.from({ length: 40 }, (_, i) => ({
      method: 'POST', url: 'http://payment/payments', body: { order: `${MARKER}-${i}`, amount: 7 }, headers: { 'idempotency-key': `${MARKER}-${i}`, 'x-order-id': `${MARKER}-${i}`, 'x-user': 'user-1' },
    }));
    const answers = await ask(order, 'order', ...requests);
    expect(answers.map(({ status }) => status)).toEqual(requests.map(() => 201));

    // What an application says to the proxy of its own pod is plain: the capture would have seen it.
    const plain = [...streamsOf(await loopback.stop()).values()];
    expect(plain.filter((stream) => stream.includes(MARKER)).length).toBeGreaterThan(0);

    const streams = (await Promise.all(captures.map(async (capture) => capture.stop()))).flatMap((segments) => [...streamsOf(segments)]);
    expect(streams.filter(([, stream]) => stream.includes(MARKER) || stream.includes('HTTP/1.1 201'))).toEqual([]);
    const mesh = streams.filter(([flow]) => flow.includes(':15006') && flow.includes(order.status.podIP));
    expect(mesh.reduce((sum, [, stream]) => sum + stream.length, 0)).toBeGreaterThan(requests.length * 200);
    // Each begins with a handshake, and all of it is records of TLS: another byte would throw.
    for (const [, stream] of mesh) expect(tlsRecords(stream)).toEqual(expect.arrayContaining([22, 23]));
    for (const [, stream] of mesh) expect(tlsRecords(stream)[0]).toBe(22);
  });
});

describe('who may call', () => {
  let authority: CertificateAuthority;
  let payment: string;
  beforeAll(async () => {
    authority = await authorityOf(NAMESPACE);
    payment = (await podOf('payment')).status.podIP;
  });

  test('a declared caller is served, and an undeclared one is denied, however good its certificate', async () => {
    expect(await inboundAnswer(payment, await certificateOf(authority, sa('order')))).toMatch(/^HTTP\/1\.1 200 /);
    const denied = await inboundAnswer(payment, await certificateOf(authority, sa('storefront')));
    expect(denied).toMatch(/^HTTP\/1\.1 403 /);
    expect(denied).not.toContain('spiffe');
  });

  test('nobody without an identity of the mesh is answered: in plain text, without a certificate, with one of another authority', async () => {
    const stranger = await CertificateAuthority.load(await createRoot('shop.example', Date.now()), 'a stranger', Date.now());
    expect(await inboundAnswer(payment)).toEqual(NOT_HTTP);
    expect(await inboundAnswer(payment, { ca: authority.trustBundle })).toEqual(NOT_HTTP);
    expect(await inboundAnswer(payment, { ...await certificateOf(stranger, sa('order')), ca: authority.trustBundle })).toEqual(NOT_HTTP);
  });

  test('a rogue pod: its calls by name and by address are refused, and it gets no certificate and no configuration', async () => {
    await kubectl('create', 'namespace', 'rogue');
    await kubectl('run', 'rogue', '-n', 'rogue', '--image=shop/order:2.0.0', '--image-pull-policy=Never', '--command', '--', '/usr/bin/node', '-e', 'setInterval(() => {}, 1e6)');
    await kubectl('wait', '-n', 'rogue', 'pod/rogue', '--for=condition=Ready', '--timeout=60s');
    const [rogue] = await podsOf('rogue', 'run=rogue');
    const said = async (...lines: string[]) => JSON.parse(await nodeIn(rogue, 'rogue', lines.join('\n'))) as string;

    const plain = (host: string, port: number) => [
      `const socket = require('node:net').connect(${port}, '${host}', () => socket.write('GET /payments/health HTTP/1.1\\r\\nhost: payment\\r\\nconnection: close\\r\\n\\r\\n'));`,
      'let got = ""; socket.on("data", (part) => { got += part; }); socket.on("error", (error) => { got += error.code; });',
      'socket.on("close", () => console.log(JSON.stringify(got)));',
    ];
    expect(await said(...plain('payment.shop', 8080))).toEqual(NOT_HTTP);
    expect(await said(...plain('payment.shop.svc.cluster.local', 8080))).toEqual(NOT_HTTP);
    expect(await said(...plain(payment, 15006))).toEqual(NOT_HTTP);

    // Certificates: for a token of the mesh's audience only, which the rogue's account never gets; the token that it has is refused.
    const answered = (port: number, path: string, headers: object) => [
      'process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; process.removeAllListeners("warning"); process.on("warning", () => {});',
      `const session = require('node:http2').connect('https://meshwright-control-plane.shop.svc.cluster.local:${port}');`,
      'const end = (what) => { console.log(JSON.stringify(String(what))); process.exit(0); };',
      'session.on("error", (error) => end(error.code));',
      `const stream = session.request({ ':method': 'POST', ':path': '${path}', 'content-type': 'application/grpc', te: 'trailers', ...${JSON.stringify(headers)} });`,
      'let status; stream.on("response", (headers) => { status = headers["grpc-status"]; }); stream.on("trailers", (headers) => { status ??= headers["grpc-status"]; });',
      'stream.on("error", (error) => end(error.code)); stream.on("close", () => end(`status ${status}`)); stream.resume(); stream.end(Buffer.alloc(5));',
    ];
    const ads = await said(...answered(15010, '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources', {}));
    expect(ads).toMatch(/ERR_SSL|ECONNRESET|ERR_HTTP2/);
    const token = await kubectl('create', 'token', 'default', '-n', 'rogue');
    const certificate = await said(...answered(15012, '/meshwright.v1.CertificateService/IssueCertificate', { authorization: `Bearer ${token.trim()}` }));
    // UNAUTHENTICATED.
    expect(certificate).toBe('status 16');
  });
});

test('how long a proxy takes from its start to ready, with a key, a certificate and its configuration: measured', async () => {
  const taken: number[] = [];
  for (let round = 0; round < 3; round++) {
    const all = async () => (JSON.parse(await kubectl('get', 'pods', '-n', NAMESPACE, '-l', of('storefront'), '-o', 'json')) as { items: Pod[] }).items;
    const known = new Set((await all()).map(({ metadata }) => metadata.uid));
    await kubectl('delete', 'pod', '-n', NAMESPACE, '-l', of('storefront'), '--wait=false');
    let pod: Pod | undefined;
    let started: number | undefined;
    while (started === undefined) {
      pod = (await all()).find(({ metadata, status }) => !known.has(metadata.uid) && status.podIP);
      started = pod && startOf(pod, 'proxy.js');
    }
    taken.push(await readyAt(pod!.status.podIP) - started);
    await rolledOut(NAMESPACE, 'storefront');
  }
  process.stdout.write(`start of the proxy's process to ready: ${taken.map((seconds) => seconds.toFixed(2)).join(', ')} s\n`);
  // A bound of a second is for a machine that does nothing else.
  expect(Math.min(...taken)).toBeLessThan(10);
});

/** Seconds since the machine's start. */
function startOf(pod: Pod, program: string): number | undefined {
  const found = processesOf(pod).find(({ command }) => command.includes(program));
  if (!found) return undefined;
  const stat = readFileSync(`/proc/${found.pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) / 100;
}

const uptime = () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);

/** Asks for its readiness again and again. */
async function readyAt(host: string): Promise<number> {
  const ready = async () => new Promise<boolean>((done) => {
    request({ host, port: 15020, path: '/ready', agent: false }, (response) => {
      response.resume().on('end', () => done(response.statusCode === 200));
    }).on('error', () => done(false)).setTimeout(1000, function (this: ClientRequest) { this.destroy(); }).end();
  });
  while (!await ready()) await new Promise((done) => setTimeout(done, 10));
  return uptime();
}
