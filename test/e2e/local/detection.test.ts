import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Chart, type App } from 'cdk8s';
import { Bulkhead, Mesh, MeshService, ServicePort } from '../../../src';
import { testIdentity } from '../../runtime/control-plane/support/identity';
import { Manifests, RunningShop } from './shop';

/** A mesh as it runs, with mutual TLS between its sidecars: what is spoken on a port is seen by the caller's, said by ALPN, and served by the called. */
jest.setTimeout(120_000);

/** Speaks whatever it is spoken to; the other port greets first. */
const APPLICATION = `
  const { createServer, connect } = require('node:net');
  const host = process.env.HOST;
  const folder = FOLDER;
  const { readFileSync } = require('node:fs');
  const answer = (request, response) => response.end(request.httpVersion + ' ' + request.method + ' ' + request.url);
  const http = require('node:http').createServer(answer).listen(0, host);
  const http2 = require('node:http2').createServer(answer).listen(0, host);
  const secure = { cert: readFileSync(folder + '/chain.pem'), key: readFileSync(folder + '/key.pem'), ALPNProtocols: ['h2'] };
  const tls = require('node:tls').createServer(secure, (socket) => socket.end('within TLS, ' + socket.alpnProtocol)).listen(0, host);
  createServer((socket) => {
    socket.on('error', () => {}).once('data', (first) => {
      const server = first[0] === 0x16 ? tls : first.toString().startsWith('PRI ') ? http2 : http;
      const inner = connect(server.address().port, host).on('error', () => socket.destroy());
      inner.write(first);
      socket.pipe(inner).pipe(socket);
    });
  }).listen(7000, host);
`;
const GREETER = `
  require('node:net').createServer((socket) => {
    socket.on('error', () => {});
    socket.write('220 ready');
    socket.on('data', (bytes) => socket.end('heard ' + bytes));
  }).listen(7000, process.env.HOST);
`;
const IDLE = "require('node:http').createServer((_, response) => response.end()).listen(8080, process.env.HOST);";

class Any extends Chart {
  constructor(app: App) {
    super(app, 'any', { namespace: 'any' });
    const mesh = new Mesh(this, 'mesh', { trustDomain: 'any.example' });
    const port = ServicePort.detect(7000);
    const any = new MeshService(this, 'any', { mesh, port, image: 'any/any:1', bulkhead: Bulkhead.connections(3) });
    const greeter = new MeshService(this, 'greeter', { mesh, port, image: 'any/greeter:1' });
    const web = new MeshService(this, 'web', { mesh, port: ServicePort.http(8080), image: 'any/web:1' });
    web.calls(any);
    web.calls(greeter, { localPort: 7001 });
  }
}

let folder: string;
let mesh: RunningShop;
let host: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-detection-'));
  const { svid } = await testIdentity('spiffe://any.example/ns/any/sa/application');
  const { certificate } = svid as Extract<typeof svid, { kind: 'certificate' }>;
  writeFileSync(join(folder, 'chain.pem'), String(certificate.chain));
  writeFileSync(join(folder, 'key.pem'), String(certificate.key));
  const images = Object.entries({ any: APPLICATION, greeter: GREETER, web: IDLE }).map(([name, code]) => {
    const file = join(folder, `${name}.cjs`);
    writeFileSync(file, code.replaceAll('FOLDER', JSON.stringify(folder)));
    return `  any/${name}: { command: [node, ${file}] }`;
  });
  mesh = await RunningShop.start('127.119.0.0/16', new Manifests((app) => new Any(app), `images:\n${images.join('\n')}\n`));
  await mesh.ready();
  host = mesh.pods('web')[0]!.address;
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A count of a pod's sidecar. */
async function count(service: string, metric: string): Promise<number> {
  const { address, readyPort } = mesh.pods(service)[0]!;
  const page = await new Promise<string>((done, failed) => {
    request({ host: address, port: readyPort, path: '/stats/prometheus', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => done(text));
    }).on('error', failed).end();
  });
  const lines = page.split('\n').filter((line) => line.startsWith(metric));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const counts = async () => ({
  all: await count('web', 'envoy_cluster_upstream_cx_total{envoy_cluster_name="any.any:7000"'),
  http: await count('any', 'envoy_cluster_upstream_cx_total{envoy_cluster_name="inbound:7000/http"'),
  http2: await count('any', 'envoy_cluster_upstream_cx_total{envoy_cluster_name="inbound:7000/http2"'),
  bytes: await count('any', 'envoy_cluster_upstream_cx_total{envoy_cluster_name="inbound:7000"'),
  requests: await count('any', 'envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="inbound"'),
});

/** What one exchange adds to the counts. */
async function added(exchange: () => Promise<void>): Promise<Awaited<ReturnType<typeof counts>>> {
  const before = await counts();
  await exchange();
  const after = await counts();
  return {
    all: after.all - before.all, http: after.http - before.http, http2: after.http2 - before.http2, bytes: after.bytes - before.bytes,
    requests: after.requests - before.requests,
  };
}

const all = async (stream: NodeJS.ReadableStream) => new Promise<string>((done, failed) => {
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => done(text)).on('error', failed);
});

test('HTTP/1.1', async () => {
  expect(await added(async () => {
    const answer = await new Promise<string>((done, failed) => {
      request({ host, port: 7000, path: '/pay', method: 'PUT', agent: false }, (response) => { all(response).then(done, failed); }).on('error', failed).end();
    });
    expect(answer).toBe('1.1 PUT /pay');
  })).toEqual({ all: 1, http: 1, http2: 0, bytes: 0, requests: 1 });
});

test('HTTP/2 by its preface', async () => {
  expect(await added(async () => {
    const session = connectHttp2(`http://${host}:7000`);
    expect(await Promise.all(['/a', '/b'].map(async (path) => all(session.request({ ':path': path }))))).toEqual(['2.0 GET /a', '2.0 GET /b']);
    await new Promise<void>((done) => { session.close(done); });
  })).toEqual({ all: 1, http: 0, http2: 1, bytes: 0, requests: 2 });
});

test('TLS of the application, within that of the mesh', async () => {
  expect(await added(async () => {
    const socket = connectTls({ host, port: 7000, ALPNProtocols: ['h2', 'http/1.1'], rejectUnauthorized: false });
    expect(await all(socket)).toBe('within TLS, h2');
  })).toEqual({ all: 1, http: 0, http2: 0, bytes: 1, requests: 0 });
});

test('a server that speaks first', async () => {
  const socket = connect(7001, host);
  const answer = all(socket);
  socket.once('data', () => socket.write('me'));
  expect(await answer).toBe('220 readyheard me');
});

test('whatever they carry, connections are of one bulkhead', async () => {
  const http2 = connectHttp2(`http://${host}:7000`);
  expect(await all(http2.request({ ':path': '/a' }))).toBe('2.0 GET /a');
  const http = connect(7000, host);
  http.write('GET /b HTTP/1.1\r\nhost: any\r\n\r\n');
  await once(http, 'data');
  const tls = connectTls({ host, port: 7000, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  // Its server has answered and ended; the session stays as long as the client's side does.
  await once(tls, 'secureConnect');
  const fourth = connect(7000, host).on('error', () => {});
  fourth.write('GET /c HTTP/1.1\r\nhost: any\r\n\r\n');
  let heard = '';
  fourth.on('data', (bytes) => { heard += String(bytes); });
  await new Promise((closed) => fourth.once('close', closed));
  expect(heard).toBe('');
  http.destroy();
  tls.destroy();
  await new Promise<void>((done) => { http2.close(done); });
});
