import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { App, Chart, Duration } from 'cdk8s';
import {
  CircuitBreaker, ExternalService, HttpRoute, HttpRule, Mesh, MeshService, OutsideTraffic, Retry, RetryOn, ServicePort, Timeout, Weighted,
  type ExternalServiceProps, type MeshProps,
} from 'meshwright';
import { TestMesh, tcpStub } from 'meshwright/testing';
import { OUTBOUND_PORT } from '../../src/contract';
import { Authority } from '../runtime/proxy/support/pki';

const port = ServicePort.http(8080);

interface Shop {
  readonly chart: Chart;
  readonly mesh: Mesh;
  readonly order: MeshService;
}

function shop(props: Partial<MeshProps> = {}): Shop {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example', ...props });
  return { chart, mesh, order: new MeshService(chart, 'order', { mesh, port, image: 'shop/order:1' }) };
}

function withCards(props: Partial<ExternalServiceProps> = {}): Shop & { readonly cards: ExternalService } {
  const made = shop();
  const cards = new ExternalService(made.chart, 'cards', { mesh: made.mesh, hostname: 'api.cards.example', port: ServicePort.http(443), ...props });
  made.order.calls(cards);
  return { ...made, cards };
}

const on = [RetryOn.GATEWAY_ERROR, RetryOn.CONNECT_FAILURE, RetryOn.PER_TRY_TIMEOUT];

describe('called by its host name', () => {
  test('without a port, by its own, and by that of HTTP; it is asked by its name, and told of nobody\'s address', async () => {
    const mesh = await TestMesh.of(withCards().chart, { services: { cards: ({ path }) => ({ status: 201, body: { path } }) } });
    for (const url of ['http://api.cards.example/pay?x=1', 'http://api.cards.example:443/pay?x=1', 'http://api.cards.example:80/pay?x=1']) {
      const answer = await mesh.request('order', url, { method: 'POST', body: 'money' });
      expect([answer.status, answer.json()]).toEqual([201, { path: '/pay?x=1' }]);
    }
    expect(mesh.received('cards').map(({ headers }) => headers.host)).toEqual(['api.cards.example', 'api.cards.example', 'api.cards.example']);
    const { headers, body } = mesh.received('cards')[0]!;
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^x-forwarded-/)]));
    expect(body).toBe('money');
    expect(mesh.records[0]).toMatchObject({ listener: 'outbound', cluster: 'cards.shop:443', status: 201 });
  });

  test('whoever does not call it reaches nothing', async () => {
    const { chart, mesh: made } = withCards();
    new MeshService(chart, 'till', { mesh: made, port, image: 'shop/till:1' });
    const mesh = await TestMesh.of(chart);
    expect(await mesh.request('till', 'http://api.cards.example/')).toMatchObject({ status: 404, problem: { type: 'https://meshwright.dev/problems/no-route' } });
    expect(await mesh.request('order', 'http://evil.example/')).toMatchObject({ status: 404 });
    expect(mesh.received('cards')).toEqual([]);
  });

  test('a port that is not the usual one stands in Host', async () => {
    const mesh = await TestMesh.of(withCards({ port: ServicePort.http(8443) }).chart);
    expect((await mesh.request('order', 'http://api.cards.example:8443/')).status).toBe(200);
    expect(mesh.received('cards')[0]!.headers.host).toBe('api.cards.example:8443');
  });
});

describe('the policies of a backend', () => {
  const policies = {
    timeout: Timeout.total(Duration.seconds(3), { perTry: Duration.seconds(1) }),
    retry: Retry.exponential({ attempts: 1, baseInterval: Duration.millis(200), on }),
  };

  test('timeouts and retries, in virtual time', async () => {
    const mesh = await TestMesh.of(withCards(policies).chart, { services: { cards: () => 'hang' } });
    expect(await mesh.request('order', 'http://api.cards.example/')).toMatchObject({ status: 504, elapsed: 2200 });
    let tries = 0;
    mesh.stub('cards', () => ({ status: tries++ === 0 ? 503 : 200 }));
    expect(await mesh.request('order', 'http://api.cards.example/')).toMatchObject({ status: 200, elapsed: 200 });
  });

  test('the bound of a caller is instead', async () => {
    const made = shop();
    const cards = new ExternalService(made.chart, 'cards', { mesh: made.mesh, hostname: 'api.cards.example', port: ServicePort.http(443), ...policies });
    made.order.calls(cards, { timeout: Timeout.total(Duration.millis(500)) });
    const mesh = await TestMesh.of(made.chart, { services: { cards: () => 'hang' } });
    expect(await mesh.request('order', 'http://api.cards.example/')).toMatchObject({ status: 504, elapsed: 500 });
  });

  test('a breaker of its own', async () => {
    const circuitBreaker = CircuitBreaker.consecutiveFailures(2, { cooldown: Duration.seconds(30) });
    const mesh = await TestMesh.of(withCards({ circuitBreaker }).chart, { services: { cards: () => ({ status: 500 }) } });
    for (let round = 0; round < 2; round++) await mesh.request('order', 'http://api.cards.example/');
    expect(mesh.breaker('order', 'cards')).toBe('open');
    expect(await mesh.request('order', 'http://api.cards.example/')).toMatchObject({ status: 503, problem: { policy: 'circuit-breaker' } });
  });
});

test('a route sends a share of a service there: by its own name, and the rest as it was', async () => {
  const { chart, mesh: made, order } = shop();
  const payment = new MeshService(chart, 'payment', { mesh: made, port, image: 'shop/payment:1' });
  const cards = new ExternalService(chart, 'cards', { mesh: made, hostname: 'api.cards.example', port: ServicePort.http(443) });
  new HttpRoute(chart, 'trial', { service: payment, rules: [HttpRule.split([Weighted.of(payment, 3), Weighted.of(cards, 1)])] });
  order.calls(payment);
  const mesh = await TestMesh.of(chart);
  for (let i = 0; i < 40; i++) expect((await mesh.request('order', 'http://payment/')).status).toBe(200);
  const hosts = (service: string) => [...new Set(mesh.received(service).map(({ headers }) => headers.host))];
  expect([hosts('payment'), hosts('cards')]).toEqual([['payment'], ['api.cards.example']]);
  expect(mesh.received('payment').length + mesh.received('cards').length).toBe(40);
  expect(mesh.received('cards').length).toBeGreaterThan(3);
});

test('bytes, at a port of the loopback', async () => {
  const { chart, mesh: made, order } = shop();
  const ledger = new ExternalService(chart, 'ledger', { mesh: made, hostname: 'ledger.bank.example', port: ServicePort.tcp(5432), tls: false });
  order.calls(ledger, { localPort: 15432 });
  const mesh = await TestMesh.of(chart, { services: { ledger: tcpStub({ data: (connection) => connection.send('ready') }) } });
  const connection = mesh.connect('order', 'ledger');
  connection.send('begin');
  expect(String(await mesh.wait(connection.read(5)))).toBe('ready');
});

describe('names', () => {
  test('another address is used from the next question on; a DNS that fails costs nothing', async () => {
    const mesh = await TestMesh.of(withCards({ endpoints: undefined }).chart);
    expect((await mesh.request('order', 'http://api.cards.example/')).status).toBe(200);
    const { upstream } = mesh.records[0]!;
    mesh.resolve('api.cards.example', null);
    await mesh.advance(300_000);
    expect((await mesh.request('order', 'http://api.cards.example/')).status).toBe(200);
    expect(mesh.records.at(-1)!.upstream).toBe(upstream);
    mesh.resolve('api.cards.example', ['127.77.200.200']);
    await mesh.advance(30_000);
    // Nobody is there.
    expect(await mesh.request('order', 'http://api.cards.example/')).toMatchObject({ status: 503 });
    expect(mesh.records.at(-1)!.upstream).toBe('127.77.200.200:443');
  });

  test('a name that nobody knows: 503, and it is found once somebody does', async () => {
    const made = withCards();
    const mesh = await TestMesh.of(shop().chart);
    mesh.resolve('api.cards.example', null);
    await mesh.update(made.chart);
    expect(await mesh.request('order', 'http://api.cards.example/')).toMatchObject({ status: 503, problem: { type: 'https://meshwright.dev/problems/no-healthy-endpoint' } });
    mesh.resolve('api.cards.example', [mesh.outsideAddress('api.cards.example')]);
    await mesh.advance(10_000);
    expect((await mesh.request('order', 'http://api.cards.example/')).status).toBe(200);
  });
});

test('outsideTraffic: none is an error of synth that names the call', () => {
  const made = shop({ outsideTraffic: OutsideTraffic.none() });
  made.order.calls(new ExternalService(made.chart, 'cards', { mesh: made.mesh, hostname: 'api.cards.example', port: ServicePort.http(443) }));
  expect(() => (made.chart.node.root as App).synthYaml()).toThrow(/MW168 shop\/order: calls\(cards\.shop\): must not lead outside of the mesh/);
});

describe('TLS over real sockets', () => {
  let server: Server;
  let ca: Authority;
  const asked: (string | undefined)[] = [];
  beforeAll(async () => {
    ca = await Authority.create('outside');
    const { key, chain } = await ca.issue({ dns: ['api.cards.example'] });
    server = createServer({ key, cert: chain }, (request, response) => {
      asked.push(request.headers.host);
      response.end(`${request.method} ${request.url}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  }));

  async function answerOf(hostname: string, authority: Authority | undefined) {
    const endpoints = [{ address: '127.0.0.1', port: (server.address() as AddressInfo).port }];
    const { chart } = withCards({ hostname, endpoints, ...authority && { caCertificates: authority.bundle } });
    const mesh = await TestMesh.of(chart, { network: 'sockets', addresses: '127.109.0.0/16' });
    try {
      const answer = await mesh.request('order', `http://${hostname}/balance`);
      return { status: answer.status, body: answer.body, flag: mesh.records.at(-1)!.flag };
    } finally {
      await mesh.close();
    }
  }

  test('the proxy speaks it, and the application does not', async () => {
    expect(await answerOf('api.cards.example', ca)).toEqual({ status: 200, body: 'GET /balance', flag: undefined });
    expect(asked.at(-1)).toBe('api.cards.example');
  });

  test('an application speaks it itself through a tunnel (CONNECT); to what it does not call there is none', async () => {
    const endpoints = [{ address: '127.0.0.1', port: (server.address() as AddressInfo).port }];
    const made = withCards({ endpoints });
    made.order.calls(new MeshService(made.chart, 'stock', { mesh: made.mesh, port, image: 'shop/stock:1' }));
    const mesh = await TestMesh.of(made.chart, { network: 'sockets', addresses: '127.109.0.0/16' });
    const tunnel = async (to: string) => {
      const client = httpRequest({ host: mesh.pods('order')[0]!.address, port: OUTBOUND_PORT, method: 'CONNECT', path: to, agent: false }).end();
      const [response, socket] = await Promise.race([once(client, 'connect'), once(client, 'response')]) as [IncomingMessage, Socket?];
      return { status: response.statusCode!, socket };
    };
    try {
      const { status, socket } = await tunnel('api.cards.example:443');
      expect(status).toBe(200);
      const answer = await new Promise<string>((resolve, reject) => {
        const within = connectTls({ socket, servername: 'api.cards.example', ca: ca.bundle }, () => within.end('GET /own HTTP/1.1\r\nhost: cards\r\nconnection: close\r\n\r\n'));
        let text = '';
        within.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => resolve(text)).on('error', reject);
      });
      expect(answer).toContain('HTTP/1.1 200 OK');
      expect(answer).toContain('GET /own');
      for (const host of ['stock:8080', 'api.other.example:443']) expect([host, (await tunnel(host)).status]).toEqual([host, 501]);
    } finally {
      await mesh.close();
    }
  });

  test('a certificate of another name, and one of an authority that is not trusted, is taken for nobody: 503 UF', async () => {
    expect(await answerOf('api.other.example', ca)).toMatchObject({ status: 503, flag: 'UF' });
    expect(await answerOf('api.cards.example', await Authority.create('elsewhere'))).toMatchObject({ status: 503, flag: 'UF' });
    // The public authorities have not signed it.
    expect(await answerOf('api.cards.example', undefined)).toMatchObject({ status: 503, flag: 'UF' });
  });
});
