import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { App, Chart, Duration } from 'cdk8s';
import {
  Compression, Digest, HttpMethod, Mesh, MeshService, Retry, RetryOn, ServicePort, type MeshServiceProps,
} from 'meshwright';
import { TestMesh } from 'meshwright/testing';

function program(payment: Partial<MeshServiceProps>): Chart {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const port = ServicePort.http(8080);
  const called = new MeshService(chart, 'payment', { mesh, port, image: 'shop/payment:1', ...payment });
  new MeshService(chart, 'order', { mesh, port, image: 'shop/order:1' }).calls(called);
  return chart;
}

const digestOf = (body: Buffer | string) => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
const items = { items: Array.from({ length: 200 }, (_, index) => ({ index, name: 'an item of the order' })) };

test('from a construct to an answer that is compressed, and has a digest of what came', async () => {
  const chart = program({ compression: Compression.gzip(100), digest: Digest.sha256() });
  const mesh = await TestMesh.of(chart, { services: { payment: () => ({ body: items }) } });
  try {
    const answer = await mesh.request('order', 'http://payment/', { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', 'vary': 'accept-encoding', 'trailer': 'content-digest' });
    expect(JSON.parse(gunzipSync(answer.bytes).toString())).toEqual(items);
    expect(answer.trailers['content-digest']).toBe(digestOf(answer.bytes));
    const plain = await mesh.request('order', 'http://payment/');
    expect([plain.headers['content-encoding'], plain.json()]).toEqual([undefined, items]);
  } finally {
    await mesh.close();
  }
});

test('a request whose body is another one is answered 400 by the service\'s own proxy', async () => {
  const mesh = await TestMesh.of(program({ digest: Digest.sha256() }), { services: { payment: ({ body }) => ({ body }) } });
  try {
    const post = async (digest: string) => mesh.request('order', 'http://payment/', { method: 'POST', body: 'money', headers: { 'content-digest': digest } });
    expect(await post(digestOf('money'))).toMatchObject({ status: 200, body: 'money' });
    expect(await post(digestOf('other'))).toMatchObject({ status: 400, problem: { type: 'https://meshwright.dev/problems/digest-mismatch', policy: 'digest' } });
  } finally {
    await mesh.close();
  }
});

test('an answer whose body is another one is 502 to its caller, whose retry policy has it tried again as any 502', async () => {
  const retry = Retry.constant(Duration.millis(10), { attempts: 2, on: [RetryOn.GATEWAY_ERROR], methods: [HttpMethod.GET] });
  let wrong = 1;
  const payment = () => ({ body: 'money', headers: { 'content-digest': digestOf(wrong-- > 0 ? 'other' : 'money') } });
  const mesh = await TestMesh.of(program({ digest: Digest.sha256(), retry }), { services: { payment } });
  try {
    expect(await mesh.request('order', 'http://payment/')).toMatchObject({ status: 200, body: 'money' });
    expect(mesh.received('payment')).toHaveLength(2);
    // Not again where it was found: the service's own proxy has no policy of retries.
    expect(mesh.records.filter(({ listener }) => listener === 'inbound').map(({ status, tries }) => [status, tries])).toEqual([[502, 1], [200, 1]]);
    wrong = 9;
    expect(await mesh.request('order', 'http://payment/')).toMatchObject({ status: 502, problem: { type: 'https://meshwright.dev/problems/upstream-digest-mismatch' } });
    wrong = 1;
    expect(await mesh.request('order', 'http://payment/', { method: 'POST' })).toMatchObject({ status: 502 });
  } finally {
    await mesh.close();
  }
});
