import { App } from 'cdk8s';
import { GrpcCode, grpcStub, TestMesh, type RequestOptions } from 'meshwright/testing';
import { Shop } from '../../examples/ecommerce/shop';

const shop = () => {
  const app = new App();
  new Shop(app, 'shop');
  return app;
};
const pay: RequestOptions = { method: 'POST', headers: { 'idempotency-key': 'k', 'x-order-id': 'o', 'x-user': 'ada' }, body: { amount: 20 } };

test.each(['memory', 'sockets'] as const)('payment fails, is retried, spared, probed once and used again (%s)', async (network) => {
  let failing = true;
  const mesh = await TestMesh.of(shop(), {
    network,
    addresses: '127.101.0.0/16',
    services: { payment: () => (failing ? { status: 503 } : { status: 201, delay: 50, body: { receipt: 1 } }) },
  });
  try {
    // Four tries, and between them 100, 200 and 400 ms.
    const first = await mesh.request('order', 'http://payment/payments', pay);
    expect(first.status).toBe(503);
    expect(mesh.received('payment').map(({ at }) => at)).toEqual([0, 100, 300, 700]);
    expect(mesh.breaker('order', 'payment')).toBe('closed');

    // The fifth failure in a row opens the breaker, in the middle of the second call.
    await mesh.request('order', 'http://payment/payments', pay);
    expect(mesh.received('payment')).toHaveLength(5);
    expect(mesh.breaker('order', 'payment')).toBe('open');
    const opened = mesh.received('payment')[4]!.at;

    // Callers are answered at once, and told by whom.
    const refused = await mesh.request('order', 'http://payment/payments', pay);
    expect(refused).toMatchObject({ status: 503, elapsed: 0, problem: { policy: 'circuit-breaker', service: expect.stringContaining('payment') } });
    expect(JSON.stringify(refused)).not.toMatch(/127\.\d+\.\d+/);
    expect(mesh.received('payment')).toHaveLength(5);

    // 30 seconds later exactly one of many requests goes through as a probe.
    await mesh.advance(opened + 30_000 - mesh.clock.now());
    failing = false;
    const together = await mesh.wait(Promise.all(Array.from({ length: 10 }, async () => mesh.send('order', 'http://payment/payments', pay))));
    expect(together.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 503)]);
    expect(mesh.received('payment')).toHaveLength(6);
    expect(mesh.breaker('order', 'payment')).toBe('closed');
    expect((await mesh.request('order', 'http://payment/payments', pay)).status).toBe(201);
  } finally {
    await mesh.close();
  }
});

test('one customer in twenty pays by the new version, and a customer always by the same', async () => {
  const mesh = await TestMesh.of(shop());
  const versions = new Map<string, string>();
  let next = 0;
  for (let i = 0; i < 10_000; i++) {
    // 500 a second: within the limits of the replicas.
    mesh.clock.advance(2);
    const { version } = (await mesh.request('order', 'http://payment/payments', { headers: { 'x-user': `customer-${i}`, 'x-order-id': `order-${i}` } })).json();
    versions.set(`customer-${i}`, version);
    if (version === 'v2') next++;
  }
  expect(next).toBeGreaterThanOrEqual(400);
  expect(next).toBeLessThanOrEqual(600);
  for (let i = 0; i < 200; i++) {
    mesh.clock.advance(2);
    const { version } = (await mesh.request('order', 'http://payment/payments', { headers: { 'x-user': `customer-${i}`, 'x-order-id': `again-${i}` } })).json();
    expect(version).toBe(versions.get(`customer-${i}`));
  }
});

test('testers ask for the new version by a header', async () => {
  const mesh = await TestMesh.of(shop());
  for (let i = 0; i < 20; i++) {
    const { version } = (await mesh.request('order', 'http://payment/payments', { headers: { 'x-user': `customer-${i}`, 'x-canary': 'always' } })).json();
    expect(version).toBe('v2');
  }
});

test('payments of one customer meet in one replica', async () => {
  const mesh = await TestMesh.of(shop());
  const podOf = async (key: string) => (await mesh.request('order', 'http://payment/payments', { headers: { 'x-user': key } })).json().pod as string;
  const pods = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const first = await podOf(`key-${i}`);
    expect(await podOf(`key-${i}`)).toBe(first);
    pods.add(first);
  }
  expect(pods.size).toBe(6);
});

test('the first API is rewritten, marked as going, and hides the header for debugging; the cart has moved', async () => {
  const mesh = await TestMesh.of(shop());
  const old = await mesh.request('storefront', 'http://order/v1/orders/7?full=1', { headers: { 'x-debug': 'yes' } });
  expect(old).toMatchObject({ status: 200, headers: { deprecation: '@1767225600' } });
  const [request] = mesh.received('order');
  expect(request).toMatchObject({ path: '/orders/7?full=1', headers: { 'x-api-version': '1' } });
  expect(request!.headers).not.toHaveProperty('x-debug');
  const moved = await mesh.request('storefront', 'http://order/cart?from=mail');
  expect(moved).toMatchObject({ status: 308, headers: { location: expect.stringMatching(/\/orders\?from=mail$/) } });
  expect(mesh.received('order')).toHaveLength(1);
});

test('what was not declared by calls cannot be called', async () => {
  const mesh = await TestMesh.of(shop());
  const refused = await mesh.request('storefront', 'http://payment/payments');
  expect(refused).toMatchObject({ status: 404, problem: { policy: 'route' } });
  expect(mesh.received('payment')).toEqual([]);
});

test('each replica of the payment service admits its rate and no more', async () => {
  const mesh = await TestMesh.of(shop());
  const [pod] = mesh.pods('payment');
  const admitted = async (requests: number) => {
    const answers = await mesh.wait(Promise.all(Array.from({ length: requests }, async () => mesh.sendTo(pod!.name, '/payments', { as: 'order' }))));
    const refused = answers.find(({ status }) => status === 429);
    if (refused) expect(refused.headers).toMatchObject({ 'retry-after': expect.any(String), 'ratelimit': expect.any(String) });
    return answers.filter(({ status }) => status === 200).length;
  };
  // At once what the bucket holds after a quiet time; then 800 a second, asked for evenly.
  await admitted(1000);
  let count = 0;
  for (let slice = 0; slice < 20; slice++) {
    await mesh.advance(50);
    count += await admitted(100);
  }
  expect(count).toBeGreaterThanOrEqual(792);
  expect(count).toBeLessThanOrEqual(808);
});

test('a request and what it causes are one trace', async () => {
  const mesh = await TestMesh.of(shop(), {
    services: {
      order: async ({ call }) => ({ status: (await call('http://inventory/stock/book')).status }),
    },
  });
  await mesh.request('storefront', 'http://order/orders', { method: 'POST', body: {} });
  const [stock] = mesh.received('inventory');
  const [order] = mesh.received('order');
  expect(order!.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(stock!.headers['x-request-id']).toBe(order!.headers['x-request-id']);
  expect(stock!.headers.traceparent!.slice(3, 35)).toBe(order!.headers.traceparent!.slice(3, 35));
  expect(mesh.records.map(({ service, listener, status }) => `${service} ${listener} ${status}`)).toEqual([
    'inventory inbound 200', 'order outbound 200', 'order inbound 200', 'storefront outbound 200',
  ]);
});

test('an item is reserved by gRPC; a pod that does not take the call costs a retry, and a service that is full says so', async () => {
  const reserve = 'http://inventory/shop.v1.Inventory/Reserve';
  const mesh = await TestMesh.of(shop(), {
    services: {
      inventory: grpcStub({
        'shop.v1.Inventory/Reserve': ({ messages }) => (String(messages[0]) === 'last' ? { code: GrpcCode.RESOURCE_EXHAUSTED } : { messages }),
      }),
    },
  });
  const [first] = mesh.pods('inventory');
  await mesh.stopPod(first!.name);
  for (let i = 0; i < 10; i++) {
    const { code, messages } = await mesh.grpc('order', reserve, { messages: [Buffer.from(`order-${i}`)] });
    expect([code, String(messages[0])]).toEqual([GrpcCode.OK, `order-${i}`]);
  }
  expect(await mesh.grpc('order', reserve, { messages: [Buffer.from('last')] })).toMatchObject({ code: GrpcCode.RESOURCE_EXHAUSTED });
});

test('a payment that hangs is tried four times, and given up before two seconds are over', async () => {
  const mesh = await TestMesh.of(shop(), { services: { payment: () => 'hang' } });
  const answer = await mesh.request('order', 'http://payment/payments', pay);
  expect(answer).toMatchObject({ status: 504, elapsed: 4 * 320 + 700, problem: { policy: 'timeout' } });
  expect(mesh.received('payment').map(({ at }) => at)).toEqual([0, 420, 940, 1660]);
  // Each try at another replica than the one before.
  const pods = mesh.received('payment').map(({ pod }) => pod);
  expect(pods.every((pod, at) => pod !== pods[at - 1])).toBe(true);
});

test('a retried POST carries its body again', async () => {
  let answers = 0;
  const mesh = await TestMesh.of(shop(), { services: { payment: () => ({ status: ++answers < 3 ? 502 : 201 }) } });
  expect(await mesh.request('order', 'http://payment/payments', pay)).toMatchObject({ status: 201, elapsed: 300 });
  expect(mesh.received('payment').map(({ body, headers }) => `${headers['idempotency-key']} ${body}`)).toEqual(Array(3).fill('k {"amount":20}'));
});
