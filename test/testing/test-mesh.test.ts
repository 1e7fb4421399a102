import { App, Chart, Duration } from 'cdk8s';
import { HttpRoute, HttpRule, Mesh, MeshService, Retry, RetryOn, ServicePort, Timeout, Weighted, type MeshServiceProps } from 'meshwright';
import { TestMesh } from 'meshwright/testing';

const port = ServicePort.http(8080);

type Services = { payment: MeshService; order: MeshService };

function program(payment: Partial<MeshServiceProps> = {}, more: (chart: Chart, services: Services) => void = () => {}): Chart {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const services = {
    payment: new MeshService(chart, 'payment', { mesh, port, image: 'shop/payment:1', replicas: 2, ...payment }),
    order: new MeshService(chart, 'order', { mesh, port, image: 'shop/order:1' }),
  };
  services.order.calls(services.payment);
  more(chart, services);
  return chart;
}
const timeout = Timeout.total(Duration.seconds(3), { perTry: Duration.seconds(1) });
const on = [RetryOn.CONNECT_FAILURE, RetryOn.RESET, RetryOn.PER_TRY_TIMEOUT];
const retry = Retry.exponential({ attempts: 1, baseInterval: Duration.millis(200), on });

test('from a construct to a proxied request', async () => {
  const mesh = await TestMesh.of(program(), { services: { payment: ({ method, path, body }) => ({ status: 201, body: { method, path, body } }) } });
  const answer = await mesh.request('order', 'http://payment/pay?x=1', { method: 'POST', body: 'money' });
  expect(answer).toMatchObject({ status: 201, elapsed: 0 });
  expect(answer.json()).toEqual({ method: 'POST', path: '/pay?x=1', body: 'money' });
  expect(answer.problem).toBeUndefined();
  expect(mesh.records.map(({ listener, status, tries }) => `${listener} ${status} ${tries}`)).toEqual(['inbound 201 1', 'outbound 201 1']);
});

test.each(['memory', 'sockets'] as const)('an application that hangs, breaks off, or is slow, on virtual time (%s)', async (network) => {
  const mesh = await TestMesh.of(program({ timeout, retry }), { network, addresses: '127.102.0.0/16' });
  try {
    mesh.stub('payment', () => 'hang');
    expect(await mesh.request('order', 'http://payment/')).toMatchObject({ status: 504, elapsed: 2200 });
    mesh.stub('payment', () => 'reset');
    // The service's own proxy turns the reset into an answer: its caller sees a 503, and nothing that `RetryOn.RESET` is about.
    expect(await mesh.request('order', 'http://payment/')).toMatchObject({ status: 503, elapsed: 0 });
    mesh.stub('payment', () => ({ delay: 700, body: 'late' }));
    expect(await mesh.request('order', 'http://payment/')).toMatchObject({ status: 200, elapsed: 700, body: 'late' });
    mesh.stub('payment', () => { throw new Error('a mistake of the test'); });
    expect(await mesh.request('order', 'http://payment/')).toMatchObject({ status: 500, body: '{"error":"a mistake of the test"}' });
  } finally {
    await mesh.close();
  }
});

test('time stands until it is advanced', async () => {
  const mesh = await TestMesh.of(program({ timeout, retry }), { services: { payment: () => ({ delay: 500 }) } });
  let status = 0;
  const sent = mesh.send('order', 'http://payment/').then((answer) => { status = answer.status; });
  await mesh.advance(499);
  expect(status).toBe(0);
  await mesh.advance(1);
  await sent;
  expect(status).toBe(200);
});

test('a pod that dies is avoided by the retry, and comes back', async () => {
  const mesh = await TestMesh.of(program({ timeout, retry }));
  const [first] = mesh.pods('payment');
  await mesh.stopPod(first!.name);
  for (let i = 0; i < 10; i++) expect((await mesh.request('order', 'http://payment/')).json().pod).not.toBe(first!.name);
  await mesh.startPod(first!.name);
  const pods = new Set<string>();
  for (let i = 0; i < 20; i++) pods.add((await mesh.request('order', 'http://payment/')).json().pod as string);
  expect(pods.size).toBe(2);
});

test('new manifests take effect; what stays keeps its state; a request under way ends as it began', async () => {
  const mesh = await TestMesh.of(program(), { services: { payment: ({ version }) => ({ delay: 100, body: version }) } });
  const underWay = mesh.send('order', 'http://payment/');
  await mesh.settle();
  await mesh.update(program({}, (chart, { payment }) => {
    const v2 = payment.addVersion('v2', { image: 'shop/payment:2' });
    new HttpRoute(chart, 'route', { service: payment, rules: [HttpRule.split([Weighted.of(v2, 1)])] });
  }));
  expect((await mesh.wait(underWay)).body).toBe('base');
  expect((await mesh.request('order', 'http://payment/')).body).toBe('v2');
  expect(mesh.pods().map(({ service, version }) => `${service}/${version}`)).toEqual(['payment/base', 'payment/base', 'order/base', 'payment/v2', 'payment/v2']);
});

test('what synth, the control plane or a name has against it is thrown', async () => {
  await expect(TestMesh.of(program({ timeout: Timeout.total(Duration.millis(100)), retry }))).rejects.toThrow(/MW113 shop\/payment/);
  const bad = '{apiVersion: mesh.meshwright.dev/v1alpha1, kind: MeshService, metadata: {name: a, namespace: b}, spec: {port: 1}}';
  await expect(TestMesh.of(bad)).rejects.toThrow(/the control plane rejects\nMeshService b\/a: /);
  await expect(TestMesh.of('kind: [')).rejects.toThrow('manifests#1: no YAML');
  const mesh = await TestMesh.of(program());
  await expect(mesh.request('paymnet', 'http://payment/')).rejects.toThrow('paymnet: no such service or pod; there are payment, order');
  expect(() => mesh.breaker('order', 'inventory')).toThrow('order has no cluster for inventory');
});

test('the same seed gives the same run', async () => {
  const run = async (seed: number) => {
    const mesh = await TestMesh.of(program({ replicas: 5 }), { seed });
    const pods: string[] = [];
    for (let i = 0; i < 20; i++) pods.push((await mesh.request('order', 'http://payment/')).json().pod as string);
    return pods.join();
  };
  expect(await run(7)).toBe(await run(7));
  expect(await run(7)).not.toBe(await run(8));
});
