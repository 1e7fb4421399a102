import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiObject, App, Chart, JsonPatch } from 'cdk8s';
import { EnvValue, ImagePullPolicy, Probe, Service, StatefulSet } from 'cdk8s-plus-27';
import { DataPlane, Injection, Interception, Mesh, MeshService, ServicePort, TrafficEncryption, type MeshServiceProps } from '../../../../src';

export const NAMESPACE = 'intercepted';
/** One that has Node.js. */
const IMAGE = 'shop/order:2.0.0';
const NODE = '/usr/bin/node';

/** Says that it is well by HTTP only to whoever has the header, by gRPC to everybody; both on the loopback alone. /slow waits for SIGTERM, then calls on, and answers. */
const PAYMENT = `
const http = require('http');
const name = require('os').hostname();
let ended; const end = new Promise((done) => { ended = done; });
const call = () => new Promise((done) => http.get('http://ledger:8080/', { agent: false }, (a) => { a.resume(); done(a.statusCode); }).on('error', (e) => done(e.code)));
const server = http.createServer(async (q, r) => {
  if (q.url === '/ready') { r.statusCode = q.headers['x-probe'] === 'yes' ? 200 : 500; return r.end(); }
  if (q.url !== '/slow') return r.end(name);
  r.write('begun '); await end;
  const first = await call();
  setTimeout(async () => r.end(name + ' after SIGTERM: ledger ' + first + ' ' + await call()), 3000);
}).listen(8080, '127.0.0.1');
require('http2').createServer((q, r) => q.resume().on('end', () => {
  r.writeHead(200, { 'content-type': 'application/grpc' }); r.addTrailers({ 'grpc-status': '0' }); r.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
})).listen(9000, '127.0.0.1');
process.on('SIGTERM', () => { ended(); server.close(() => process.exit(0)); });
`;
/** Calls once, in its first moment, without a second try; its container is not to start before that works. */
const ONCE = `
require('http').get('http://payment:8080/', { agent: false }, (a) => { a.resume(); console.log('payment', a.statusCode); process.exitCode = a.statusCode === 200 ? 0 : 1; })
  .on('error', (e) => { console.log(e.code); process.exitCode = 1; });
`;
/** The same, and a server. */
const ORDER = `
require('http').get('http://payment:8080/', { agent: false }, (a) => { a.resume();
  require('http').createServer((q, r) => r.end('first call ' + a.statusCode)).listen(8080, '127.0.0.1');
}).on('error', (e) => { console.error(e.code); process.exit(1); });
process.on('SIGTERM', () => process.exit(0));
`;
const SERVES = (name: string) => `require('http').createServer((q, r) => r.end('${name} ' + (q.headers['x-request-id'] ? 'proxied' : 'direct'))).listen(8080); process.on('SIGTERM', () => process.exit(0));`;
const LEDGER = "require('http').createServer((q, r) => r.end('ledger')).listen(8080, '127.0.0.1'); process.on('SIGTERM', () => process.exit(0));";

/**
 * A mesh that intercepts and injects: order → payment → ledger, payment a StatefulSet with a headless Service and probes of all kinds; order → legacy, whose
 * pods have no data plane at all; till, which has a library of gRPC and an agent; and prices, which takes plain text beside mutual TLS.
 * @returns the folder of its manifests
 */
export function manifests(): string {
  const outdir = mkdtempSync(join(tmpdir(), 'meshwright-interception-'));
  const app = new App({ outdir });
  const chart = new Chart(app, NAMESPACE, { namespace: NAMESPACE, disableResourceNameHashes: true });
  const port = ServicePort.http(8080);
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'intercepted.example', interception: Interception.transparent(), injection: Injection.failClosed() });
  const script = (name: string, program: string, more: Partial<MeshServiceProps> = {}) => (
    new MeshService(chart, name, { mesh, port, image: IMAGE, command: [NODE, '-e', program], ...more }));
  const ledger = script('ledger', LEDGER);
  const pods = new Service(chart, 'payment-pods', { metadata: { name: 'payment-pods' }, clusterIP: 'None', ports: [{ port: 8080 }] });
  const workload = new StatefulSet(chart, 'payment-workload', {
    metadata: { name: 'payment' },
    service: pods,
    replicas: 2,
    containers: [{
      name: 'payment', image: IMAGE, imagePullPolicy: ImagePullPolicy.IF_NOT_PRESENT, portNumber: 8080, command: [NODE, '-e', PAYMENT], resources: {},
      envVariables: { NODE_ENV: EnvValue.fromValue('production') }, readiness: Probe.fromTcpSocket({ port: 8080 }),
    }],
  });
  const container = '/spec/template/spec/containers/0';
  // What cdk8s-plus cannot say: a header, and gRPC.
  ApiObject.of(workload).addJsonPatch(
    JsonPatch.add(`${container}/startupProbe`, { httpGet: { path: '/ready', port: 8080, httpHeaders: [{ name: 'X-Probe', value: 'yes' }] }, periodSeconds: 1, failureThreshold: 60 }),
    JsonPatch.add(`${container}/livenessProbe`, { grpc: { port: 9000 }, periodSeconds: 2 }),
  );
  const payment = MeshService.fromWorkload(chart, 'payment', { mesh, port, workload });
  payment.calls(ledger);
  const legacy = script('legacy', SERVES('legacy'), { dataPlane: DataPlane.NONE });
  legacy.acknowledge('MW172', 'it is what it is');
  script('prices', SERVES('prices'), { encryption: TrafficEncryption.PERMISSIVE }).acknowledge('MW152', 'as long as legacy calls it');
  script('till', 'setInterval(() => {}, 1e6); process.on("SIGTERM", () => process.exit(0));', { dataPlane: DataPlane.PROXYLESS_GRPC, port: ServicePort.grpc(9090) });
  const order = script('order', ORDER);
  order.calls(payment);
  order.calls(legacy);
  app.synth();
  return outdir;
}

/** A Job whose pod is injected, as one of order's: it has its service account. */
export function job(name: string): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels: { 'mesh.meshwright.dev/inject': 'enabled', 'mesh.meshwright.dev/service': 'order', 'job': name } },
        spec: { restartPolicy: 'Never', serviceAccountName: 'order', containers: [{ name: 'once', image: IMAGE, imagePullPolicy: 'IfNotPresent', command: [NODE, '-e', ONCE] }] },
      },
    },
  };
}
