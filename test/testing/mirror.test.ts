import { App, Chart } from 'cdk8s';
import { GrpcRoute, GrpcRule, HttpFilter, HttpRoute, HttpRule, Mesh, MeshService, ServicePort } from 'meshwright';
import { GrpcCode, grpcStub, TestMesh, type StubAnswer } from 'meshwright/testing';

interface Program {
  readonly chart: Chart;
  readonly payment: MeshService;
  readonly next: MeshService;
}

/** `web` calls `payment`; nobody declares a call of `next`, to which a route copies. */
function program(port = ServicePort.http(8080)): Program {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const other = new Chart(chart, 'next-chart', { namespace: 'trial' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const payment = new MeshService(chart, 'payment', { mesh, port, image: 'shop/payment:1' });
  const next = new MeshService(other, 'next', { mesh, port, image: 'shop/next:1' });
  new MeshService(chart, 'web', { mesh, port: ServicePort.http(8080), image: 'shop/web:1' }).calls(payment);
  return { chart, payment, next };
}

async function within({ chart }: Program, look: (mesh: TestMesh) => Promise<void>): Promise<void> {
  const mesh = await TestMesh.of(chart, {});
  try {
    await look(mesh);
  } finally {
    await mesh.close();
  }
}

describe('HttpFilter.mirror, from a construct to proxied requests', () => {
  test.each(['http1', 'http2'] as const)('every request is copied to a service of another namespace, whose answers nobody gets: %s', async (protocol) => {
    const shop = program();
    new HttpRoute(shop.chart, 'route', { service: shop.payment, rules: [HttpRule.forward(shop.payment, { filters: [HttpFilter.mirror(shop.next, 100)] })] });
    await within(shop, async (mesh) => {
      mesh.stub('payment', () => ({ body: 'paid' }));
      mesh.stub('next', (): StubAnswer => ({ status: 500, body: 'no', delay: 5000 }));
      const answer = await mesh.request('web', 'http://payment/pay?a=b', { protocol, method: 'POST', body: 'x'.repeat(3000) });
      expect(answer).toMatchObject({ status: 200, body: 'paid', elapsed: 0 });
      const [original] = mesh.received('payment'), [copy] = mesh.received('next');
      expect(copy).toMatchObject({ method: 'POST', path: original.path, body: original.body });
      expect([original.headers.host, copy.headers.host]).toEqual(['payment', 'payment-shadow']);
      expect(copy.headers['x-request-id']).toBe(original.headers['x-request-id']);
      await mesh.advance(6000);
      expect(mesh.records.filter(({ listener }) => listener === 'outbound')).toHaveLength(1);
      expect(mesh.records.find(({ service }) => service === 'next')).toMatchObject({ listener: 'inbound', status: 500 });
    });
  });

  test('a part of the requests, to a version, beside a mirror of all', async () => {
    const shop = program();
    const v2 = shop.payment.addVersion('v2', { image: 'shop/payment:2' });
    const filters = [HttpFilter.mirror(v2, 30), HttpFilter.mirror(shop.next, 100), HttpFilter.requestHeaders({ set: { 'x-own': 'set' } })];
    new HttpRoute(shop.chart, 'route', { service: shop.payment, rules: [HttpRule.forward(shop.payment, { filters })] });
    await within(shop, async (mesh) => {
      for (let i = 0; i < 100; i++) expect((await mesh.request('web', 'http://payment/')).status).toBe(200);
      await mesh.settle();
      expect(mesh.received('next')).toHaveLength(100);
      expect(mesh.received('next')[0].headers['x-own']).toBe('set');
      const part = mesh.received('payment', 'v2').length;
      expect(part).toBeGreaterThan(10);
      expect(part).toBeLessThan(55);
      expect(mesh.received('payment', 'base')).toHaveLength(100);
    });
  });

  test('a service of mirrors that is away costs the original nothing', async () => {
    const shop = program();
    new HttpRoute(shop.chart, 'route', { service: shop.payment, rules: [HttpRule.forward(shop.payment, { filters: [HttpFilter.mirror(shop.next, 100)] })] });
    await within(shop, async (mesh) => {
      await mesh.stopPod(mesh.pods('next')[0].name);
      expect(await mesh.request('web', 'http://payment/')).toMatchObject({ status: 200, elapsed: 0 });
    });
  });

  test('calls of gRPC, by a GRPCRoute', async () => {
    const shop = program(ServicePort.grpc(9090));
    new GrpcRoute(shop.chart, 'route', { service: shop.payment, rules: [GrpcRule.forward(shop.payment, { filters: [HttpFilter.mirror(shop.next, 100)] })] });
    await within(shop, async (mesh) => {
      const called: string[] = [];
      const stub = (name: string) => grpcStub({ 'shop.v1.Pay/Pay': ({ messages }) => { called.push(`${name} ${messages[0].toString()}`); return { messages }; } });
      mesh.stub('payment', stub('payment'));
      mesh.stub('next', stub('next'));
      const answer = await mesh.grpc('web', 'http://payment/shop.v1.Pay/Pay', { messages: [Buffer.from('ten')] });
      expect(answer.code).toBe(GrpcCode.OK);
      await mesh.settle();
      expect(called.sort()).toEqual(['next ten', 'payment ten']);
    });
  });
});

test('what is emitted is Gateway API\'s RequestMirror, with a grant in the other namespace', () => {
  const shop = program();
  new HttpRoute(shop.chart, 'route', { service: shop.payment, rules: [HttpRule.forward(shop.payment, { filters: [HttpFilter.mirror(shop.next, 5)] })] });
  const emitted = shop.chart.toJson() as { kind: string; spec: any }[];
  expect(emitted.find(({ kind }) => kind === 'HTTPRoute')!.spec.rules[0].filters).toEqual([
    { type: 'RequestMirror', requestMirror: { backendRef: { group: '', kind: 'Service', name: 'next', namespace: 'trial', port: 8080 }, percent: 5 } },
  ]);
});
