import { App, Chart } from 'cdk8s';
import { Authorization, CallRule, HttpMethod, HttpRoute, HttpRule, Mesh, MeshService, ServicePort, StringMatch, TrafficEncryption, type MeshProps } from '../../src';
import { GrpcCode, grpcStub, TestMesh, type TestMeshOptions } from '../../testing';

/** Order may charge and look, cart may do everything, audit may call nothing; payment, quotes and db are called. */
function program(mesh: Partial<MeshProps> = {}, payment: { authorization?: Authorization; encryption?: TrafficEncryption } = {}): App {
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const props = { mesh: new Mesh(shop, 'mesh', { trustDomain: 'shop.example', ...mesh }), image: 'shop/app:1.0.0' };
  const service = (name: string, port = ServicePort.http(8080), more = {}) => new MeshService(shop, name, { ...props, ...more, port });
  const called = service('payment', ServicePort.http(8080), payment);
  const quotes = service('quotes', ServicePort.grpc(9090));
  const db = service('db', ServicePort.tcp(5432));
  const order = service('order');
  order.calls(called, {
    allow: [
      CallRule.http({ methods: [HttpMethod.POST], path: StringMatch.exact('/charges') }),
      CallRule.http({ methods: [HttpMethod.GET, HttpMethod.HEAD], path: StringMatch.prefix('/charges') }),
    ],
  });
  order.calls(quotes, { allow: [CallRule.grpc('shop.v1.Quotes', ['Get'])] });
  order.calls(db);
  service('cart').calls(called);
  service('audit');
  return app;
}

async function meshOf(app = program(), options: TestMeshOptions = {}): Promise<TestMesh> {
  return TestMesh.of(app, options);
}

const inbound = (mesh: TestMesh) => mesh.records.filter(({ listener }) => listener === 'inbound');

describe('what a call allows', () => {
  test.each<[string, string, string, number]>([
    ['the declared method and path', 'POST', '/charges', 200],
    ['with a query', 'POST', '/charges?dry=1', 200],
    ['another method', 'DELETE', '/charges', 403],
    ['another path', 'POST', '/refund', 403],
    ['below an exact path', 'POST', '/charges/1', 403],
    ['the prefix itself', 'GET', '/charges', 200],
    ['below the prefix', 'GET', '/charges/1/items', 200],
    ['what only begins alike', 'GET', '/chargesback', 403],
    ['a way around', 'GET', '/charges/../refund', 403],
    ['an encoded way around', 'GET', '/charges/%2e%2e/refund', 403],
  ])('%s: %s %s is %i', async (_, method, path, status) => {
    const mesh = await meshOf();
    const answer = await mesh.request('order', `http://payment${path}`, { method });
    expect(answer.status).toBe(status);
    expect(mesh.received('payment')).toHaveLength(status === 200 ? 1 : 0);
  });

  test('a caller without rules may ask for everything', async () => {
    const mesh = await meshOf();
    expect((await mesh.request('cart', 'http://payment/refund', { method: 'DELETE' })).status).toBe(200);
  });

  test('the log names the rule that was missing; the client reads nothing of the rules', async () => {
    const mesh = await meshOf();
    const answer = await mesh.request('order', 'http://payment/refund?card=4111', { method: 'POST' });
    expect(answer.problem).toMatchObject({ type: 'https://meshwright.dev/problems/access-denied', detail: 'rbac_access_denied' });
    expect(answer.body).not.toMatch(/order|spiffe|allow/);
    expect(inbound(mesh).map(({ status, flag, detail }) => [status, flag, detail])).toEqual([
      [403, 'UAEX', 'rbac_access_denied{no rule allows order.shop → payment.shop: POST /refund; add it to what order.shop may ask for (allow)}'],
    ]);
  });

  test('a method of gRPC that is not allowed ends with PERMISSION_DENIED', async () => {
    const mesh = await meshOf(program(), { services: { quotes: grpcStub({ 'shop.v1.Quotes/Get': () => ({}), 'shop.v1.Quotes/Put': () => ({}) }) } });
    expect(await mesh.grpc('order', 'http://quotes/shop.v1.Quotes/Get')).toMatchObject({ code: GrpcCode.OK });
    expect(await mesh.grpc('order', 'http://quotes/shop.v1.Quotes/Put')).toMatchObject({ code: GrpcCode.PERMISSION_DENIED });
    expect(mesh.received('quotes')).toHaveLength(1);
  });
});

describe('who nobody declared', () => {
  test('is denied by the called, however it got there', async () => {
    const mesh = await meshOf();
    const [pod] = mesh.pods('payment');
    expect((await mesh.wait(mesh.sendTo(pod!.name, '/charges', { as: 'cart' }))).status).toBe(200);
    expect((await mesh.wait(mesh.sendTo(pod!.name, '/charges', { as: 'audit' }))).status).toBe(403);
    expect((await mesh.wait(mesh.sendTo(pod!.name, '/charges', { as: 'spiffe://evil.example/ns/shop/sa/cart' }))).status).toBe(403);
    expect(inbound(mesh)[1]!.detail).toBe('rbac_access_denied{no rule allows audit.shop → payment.shop: GET /charges; declare calls(payment.shop) in audit.shop}');
  });

  test('plain text is refused', async () => {
    const mesh = await meshOf();
    const [pod] = mesh.pods('payment');
    await expect(mesh.wait(mesh.sendTo(pod!.name, '/charges'))).rejects.toThrow('reset');
    expect(inbound(mesh)).toEqual([]);
  });

  test('a connection of bytes is closed', async () => {
    const mesh = await meshOf();
    const connection = mesh.connect('order', 'db');
    connection.send('hello');
    expect(String(await mesh.wait(connection.read(5)))).toBe('hello');
    const [pod] = mesh.pods('db');
    const undeclared = mesh.connectTo(pod!.name, { as: 'cart' });
    undeclared.send('hello');
    await expect(mesh.wait(undeclared.read(1))).rejects.toThrow('before 1 bytes');
    expect(undeclared.received).toHaveLength(0);
    expect(mesh.connections.at(-1)).toMatchObject({
      flag: 'UAEX', detail: 'rbac_access_denied{no rule allows cart.shop → db.shop: port 15006; declare calls(db.shop) in cart.shop}',
    });
  });
});

describe('audit', () => {
  test('of a service lets pass what is not declared', async () => {
    const mesh = await meshOf(program({}, { authorization: Authorization.AUDIT }));
    expect((await mesh.request('order', 'http://payment/refund', { method: 'POST' })).status).toBe(200);
    expect(await mesh.grpc('order', 'http://quotes/shop.v1.Quotes/Put')).toMatchObject({ code: GrpcCode.PERMISSION_DENIED });
  });

  test('of a service: callers that declare nothing reach it too, as it could not count them otherwise; all else stays unknown to them', async () => {
    const mesh = await meshOf(program({}, { authorization: Authorization.AUDIT }));
    expect((await mesh.request('audit', 'http://payment/charges')).status).toBe(200);
    expect(mesh.received('payment')).toHaveLength(1);
    expect((await mesh.request('audit', 'http://quotes/')).status).toBe(404);
    // Those who declare something keep what they said of it.
    expect((await mesh.request('order', 'http://payment/charges', { method: 'POST' })).status).toBe(200);
    mesh.stub('payment', () => ({ status: 503 }));
    expect((await mesh.request('audit', 'http://payment/charges')).status).toBe(503);
    const enforced = await meshOf(program({}, { authorization: Authorization.ENFORCE }));
    expect((await enforced.request('audit', 'http://payment/charges')).status).toBe(404);
  });

  test('of the mesh is undone by a service', async () => {
    const mesh = await meshOf(program({ authorization: Authorization.AUDIT }, { authorization: Authorization.ENFORCE }));
    expect((await mesh.request('order', 'http://payment/refund', { method: 'POST' })).status).toBe(403);
    expect(await mesh.grpc('order', 'http://quotes/shop.v1.Quotes/Put')).toMatchObject({ code: GrpcCode.OK });
  });
});

describe('permissive encryption', () => {
  test('of one service takes plain text, and judges who proves who it is', async () => {
    const mesh = await meshOf(program({}, { encryption: TrafficEncryption.PERMISSIVE }));
    const [pod] = mesh.pods('payment');
    expect((await mesh.wait(mesh.sendTo(pod!.name, '/refund'))).status).toBe(200);
    expect((await mesh.wait(mesh.sendTo(pod!.name, '/refund', { as: 'audit' }))).status).toBe(403);
    const [quotes] = mesh.pods('quotes');
    await expect(mesh.wait(mesh.sendTo(quotes!.name, '/'))).rejects.toThrow('reset');
  });
});

test('a call that a route takes to another service is allowed there by the same rules', async () => {
  const app = new App();
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const props = { mesh: new Mesh(shop, 'mesh', { trustDomain: 'shop.example' }), image: 'shop/app:1.0.0', port: ServicePort.http(8080) };
  const [front, api, ledger] = ['front', 'api', 'ledger'].map((name) => new MeshService(shop, name, props));
  front!.calls(api!, { allow: [CallRule.http({ path: StringMatch.prefix('/v1') })] });
  new HttpRoute(shop, 'split', { service: api!, rules: [HttpRule.forward(ledger!, { matches: [{ path: StringMatch.prefix('/v1/ledger') }] }), HttpRule.forward(api!)] });
  const mesh = await meshOf(app);
  expect((await mesh.request('front', 'http://api/v1/ledger/1')).json()).toMatchObject({ service: 'ledger' });
  expect((await mesh.request('front', 'http://api/v2')).status).toBe(403);
  const [pod] = mesh.pods('ledger');
  expect((await mesh.wait(mesh.sendTo(pod!.name, '/admin', { as: 'front' }))).status).toBe(403);
});
