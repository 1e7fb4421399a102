import { App } from 'cdk8s';
import { TestMesh, type RequestOptions } from 'meshwright/testing';
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
