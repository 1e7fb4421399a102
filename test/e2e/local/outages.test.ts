import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, failures, Manifests, RunningShop, underLoad } from './shop';

jest.setTimeout(120_000);
const HEALTH = { from: 'order', url: 'http://payment/payments/health' };

let shop: RunningShop;
beforeAll(async () => {
  const manifests = new Manifests();
  // What is shown here is what outages and changes do. A try that a busy machine lets wait for longer than the example's third of a second would be an
  // outage of the test's own: five of them, and the only endpoint of the new version is ejected for half a minute.
  manifests.change((object) => {
    if (object.kind === 'MeshService' && object.metadata.name === 'payment') object.spec.timeout = { total: '10s', perTry: '3s' };
  });
  shop = await RunningShop.start('127.91.0.0/16', manifests);
  await shop.ready();
});
afterAll(async () => shop.stop());

test('both control planes are killed: no request is lost; a proxy that is restarted meanwhile has no certificate, and serves again once one is given', async () => {
  const order = shop.pods('order')[0]!;
  const results = await underLoad(shop, HEALTH, async () => {
    await shop.run.command('meshwright-control-plane: stop');
  });
  expect(results.length).toBeGreaterThan(100);
  expect(failures(results)).toEqual([]);

  await shop.run.command(`${order.name}: kill-proxy`);
  await shop.until('the proxy is gone', async () => Promise.resolve(shop.run.pods().some(({ spec, ready }) => spec === order && !ready)));
  // Its key died with it, and nobody can sign for another. Its service has a second pod, which goes on.
  const other = shop.pods('order').find(({ name }) => name !== order.name)!;
  expect(await ask(other, HEALTH.url)).toMatchObject({ status: 200 });

  await shop.run.command('meshwright-control-plane: start');
  await shop.ready();
  expect(await ask(order, HEALTH.url)).toMatchObject({ status: 200 });
});

test('a new configuration arrives under load: no request is lost', async () => {
  const results = await underLoad(shop, HEALTH, async () => {
    shop.manifests.change((object) => {
      if (object.kind === 'HTTPRoute' && object.metadata.name === 'payment-canary') {
        for (const { backendRefs } of object.spec.rules) {
          if (backendRefs.length === 2) [backendRefs[0].weight, backendRefs[1].weight] = [10, 90];
        }
      }
      if (object.kind === 'MeshService' && object.metadata.name === 'payment') object.spec.loadBalancer = { roundRobin: {} };
      if (object.kind === 'Deployment' && object.metadata.name === 'payment') object.spec.replicas = 3;
      if (object.kind === 'Deployment' && object.metadata.name === 'inventory') object.spec.replicas = 3;
    });
    expect(await shop.run.until(() => shop.pods('inventory').length === 3 && shop.run.pods().length === 12, 30_000)).toBe(true);
    await shop.ready();
    const versions: string[] = [];
    await shop.until('most requests go to the new version', async () => {
      const { body } = await ask(shop.pods('order')[0]!, HEALTH.url);
      versions.push((JSON.parse(body) as { version: string }).version);
      return versions.slice(-10).filter((version) => version === 'v2').length >= 7;
    });
  });
  expect(failures(results)).toEqual([]);
});

test('a broken manifest changes nothing, its status says why, and the mesh goes on', async () => {
  const results = await underLoad(shop, HEALTH, async () => {
    shop.manifests.change((object) => {
      if (object.kind === 'MeshService' && object.metadata.name === 'payment') object.spec.timeout = { total: 'soon' };
    });
    const status = () => readFileSync(join(shop.manifests.root, 'state', 'status-0.json'), 'utf8');
    await shop.until('the status says why', async () => Promise.resolve(status().includes('soon')));
  });
  expect(failures(results)).toEqual([]);
});

test('an endpoint is killed under load: the retry policy covers it', async () => {
  const results = await underLoad(shop, { ...HEALTH, requestsPerSecond: 300 }, async () => {
    for (let i = 0; i < 2; i++) {
      const restarts = () => shop.run.pods().reduce((sum, pod) => sum + pod.restarts, 0);
      const before = restarts();
      await shop.run.command('payment: kill');
      await shop.until('the pod has ended', async () => Promise.resolve(restarts() > before));
      expect(await shop.run.settled(30_000)).toBe(true);
    }
  });
  expect(failures(results)).toEqual([]);
});

test('a new image is rolled out under load: no request is lost', async () => {
  const before = shop.pods('payment').map(({ name }) => name);
  const results = await underLoad(shop, HEALTH, async () => {
    shop.manifests.change((object) => {
      if (object.kind === 'MeshService' && object.metadata.name === 'payment') object.spec.timeout = { total: '10s', perTry: '2900ms' };
      if (object.kind === 'Deployment' && object.metadata.name === 'payment') object.spec.template.spec.containers[0].image = 'shop/payment:1.4.3';
    });
    expect(await shop.run.until(() => shop.run.pods().every(({ spec }) => !before.includes(spec.name) || spec.version === 'v2'), 60_000)).toBe(true);
    await shop.ready();
  });
  expect(failures(results)).toEqual([]);
});
