import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { App, Chart } from 'cdk8s';
import { Compression, Digest, Mesh, MeshService, ServicePort, type MeshServiceProps } from 'meshwright';
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
