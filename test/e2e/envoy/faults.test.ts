import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect } from 'node:http2';
import { App, Chart, Duration } from 'cdk8s';
import { AccessLog, Fault, Mesh, MeshService, ServicePort } from '../../../src';
import { INBOUND_PORT } from '../../../src/contract';
import { InboundPair, type Name } from './inbound-pair';

/** What the control plane says of faults, to Envoy and to our proxy: the inbound listener of one service, in front of the same application. */
jest.setTimeout(120_000);

const PORT = 8080;
const PROXIES = { envoy: '127.76.7.1', ours: '127.76.7.2' } as const;
const NAMES = ['envoy', 'ours'] as const;

function program(faults: Fault[], port: ServicePort): App {
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const mesh = new Mesh(shop, 'mesh', { trustDomain: 'shop.example', accessLog: AccessLog.stdout(100) });
  const payment = new MeshService(shop, 'payment', { mesh, port, image: 'shop/app:1', faults });
  // What 0 percent do is nothing to warn of.
  if (faults.some((fault) => fault._toSpec().percent === 100)) payment.acknowledge('MW155', 'nobody is served by it');
  new MeshService(shop, 'order', { mesh, port: ServicePort.http(PORT), image: 'shop/app:1' }).calls(payment);
  return app;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(name: Name, path: string, body?: string): Promise<Answer> {
  return new Promise((done, failed) => {
    const sent = request({
      host: PROXIES[name], port: INBOUND_PORT, path, method: body === undefined ? 'GET' : 'POST', agent: false, timeout: 20_000, headers: { host: 'payment' },
    }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; });
      response.on('end', () => done({ status: response.statusCode!, headers: response.headers, body: text }));
    });
    sent.on('error', failed).on('timeout', () => sent.destroy(new Error(`${name} does not answer`)));
    sent.end(body);
  });
}

/** Requests that reached the application, by the proxy that let them. */
const reached: { readonly name: Name; readonly path: string; readonly body: string }[] = [];
const servers: Server[] = [];
let pair: InboundPair | undefined;

beforeAll(async () => {
  for (const name of NAMES) {
    const server = createServer((asked, response) => {
      let body = '';
      asked.setEncoding('utf8').on('data', (part: string) => { body += part; }).on('end', () => {
        reached.push({ name, path: asked.url!, body });
        response.end('application');
      });
    });
    servers.push(server);
    await new Promise<void>((listening) => server.listen(PORT, PROXIES[name], listening));
  }
});
afterEach(async () => {
  await pair?.stop();
  pair = undefined;
  reached.length = 0;
});
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function start(faults: Fault[], port = ServicePort.http(PORT)): Promise<InboundPair> {
  pair = await InboundPair.start({ app: program(faults, port), service: 'shop/payment', addresses: PROXIES, serves: async (name) => (await ask(name, '/')).status > 0 });
  reached.length = 0;
  return pair;
}

/** What can be seen of a request: its answer, whether the application got it, and what the log says. */
async function seen(proxies: InboundPair, name: Name, path: string, body?: string) {
  const answer = await ask(name, path, body);
  const { status, flags, details } = await proxies.logged(name, path);
  const application = reached.filter((one) => one.name === name && one.path === path).map((one) => one.body);
  return { status: answer.status, application, log: { status, flags, details } };
}

test.each<[string, Fault[], object]>([
  ['an abort', [Fault.abort(418, 100)], { status: 418, application: [], log: { status: 418, flags: 'FI', details: 'fault_filter_abort' } }],
  ['a delay', [Fault.delay(Duration.millis(50), 100)], { status: 200, application: ['money'], log: { status: 200, flags: 'DI', details: 'via_upstream' } }],
  ['a delay, and an abort then', [Fault.abort(503, 100), Fault.delay(Duration.millis(50), 100)],
    { status: 503, application: [], log: { status: 503, flags: 'DI,FI', details: 'fault_filter_abort' } }],
  ['the first of two aborts', [Fault.abort(500, 0), Fault.abort(429, 100), Fault.abort(503, 100)],
    { status: 429, application: [], log: { status: 429, flags: 'FI', details: 'fault_filter_abort' } }],
  ['none of the requests', [Fault.abort(500, 0), Fault.delay(Duration.hours(1), 0)],
    { status: 200, application: ['money'], log: { status: 200, details: 'via_upstream' } }],
])('%s', async (_, faults, expected) => {
  const proxies = await start(faults);
  const envoy = await seen(proxies, 'envoy', '/pay', 'money');
  expect(envoy).toMatchObject(expected);
  expect(await seen(proxies, 'ours', '/pay', 'money')).toEqual(envoy);
});

test('a part of the requests, drawn for each', async () => {
  await start([Fault.abort(503, 30)]);
  for (const name of NAMES) {
    const statuses: number[] = [];
    for (let i = 0; i < 400; i++) statuses.push((await ask(name, `/${i}`)).status);
    const aborted = statuses.filter((status) => status === 503).length;
    expect(statuses.filter((status) => status === 200)).toHaveLength(400 - aborted);
    expect(reached.filter((one) => one.name === name)).toHaveLength(400 - aborted);
    // Five standard deviations of a binomial share of 400.
    expect(Math.abs(aborted / 400 - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 400));
  }
});

test('a call of gRPC ends with the status of gRPC', async () => {
  await start([Fault.abort(503, 100)], ServicePort.grpc(PORT));
  const call = async (name: Name) => {
    const session = connect(`http://${PROXIES[name]}:${INBOUND_PORT}`);
    try {
      return await new Promise<object>((done, failed) => {
        session.on('error', failed);
        const stream = session.request({ ':method': 'POST', ':path': '/shop.v1.Quotes/Get', ':authority': 'payment', 'content-type': 'application/grpc', 'te': 'trailers' });
        stream.on('error', failed).on('response', ({ ':status': status, 'content-type': type, 'grpc-status': grpc }) => done({ status, type, grpc }));
        stream.end();
      });
    } finally {
      session.destroy();
    }
  };
  const envoy = await call('envoy');
  expect(envoy).toEqual({ status: 200, type: 'application/grpc', grpc: '14' });
  expect(await call('ours')).toEqual(envoy);
});
