import { awarenessByLeases } from '../../../../runtime/control-plane/identity/awareness';
import { rotateRoot } from '../../../../runtime/control-plane/identity/rotate-root';
import { secretRotation } from '../../../../runtime/control-plane/identity/rotation-stores';
import { HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { AUTHORITY_SECRET, TRUST_CONFIG_MAP } from '../../../../src/contract';
import { FakeApiServer } from '../support/api-server';
import { startReplica, type Running } from '../support/cluster';
import { mesh, whole } from '../support/documents';
import { WatchedClock } from '../support/watched-clock';

let server: FakeApiServer;
let clock: WatchedClock;
let api: HttpKubernetesApi;
const replicas: Running[] = [];

beforeEach(async () => {
  clock = new WatchedClock();
  server = await FakeApiServer.start({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, mesh([], { certificateLifetime: '2m' }), ...whole('order', ['10.0.0.1']));
  for (const pod of ['cp-1', 'cp-2']) replicas.push(await startReplica(server, clock, pod, [], 'shop', true));
  api = new HttpKubernetesApi({ server: server.url, clock, credentials: async () => ({ headers: {}, tls: {} }) });
});
afterEach(async () => {
  api.close();
  let over = false;
  void Promise.all(replicas.splice(0).map(async (one) => one.close())).then(() => { over = true; });
  await clock.run(() => over);
  await server.stop();
});

const data = () => Object.fromEntries(Object.entries(server.get('secrets', 'shop', AUTHORITY_SECRET)!.data as Record<string, string>)
  .map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
const published = () => (server.get('configmaps', 'shop', TRUST_CONFIG_MAP) as { data?: Record<string, string> } | undefined)?.data?.['ca.crt'] ?? '';
const roots = (pem: string) => pem.match(/BEGIN CERTIFICATE/g)?.length ?? 0;

test('the root in a Secret is replaced; replicas take each step as it is written, and pods find the roots where they are mounted', async () => {
  await clock.run(() => roots(published()) === 1);
  const before = data();
  const said: string[] = [];
  let over: string | undefined;
  void rotateRoot({
    clock, store: secretRotation(api, 'shop', AUTHORITY_SECRET), awareness: awarenessByLeases(api, clock, 'shop'), settle: 10_000, say: (line) => said.push(line),
  }).then(() => { over = 'done'; }, (error: Error) => { over = error.message; });
  await clock.run(() => roots(published()) === 2);
  expect(data()['tls.crt']).toBe(before['tls.crt']);
  await clock.run(() => data()['tls.crt'] !== before['tls.crt']);
  const signing = data();
  expect(Object.keys(signing)).not.toContain('next.tls.key');
  expect(replicas.map(({ controlPlane }) => roots(controlPlane.trustBundle!))).toEqual([2, 2]);
  // As long as the Mesh says that certificates live.
  const begun = clock.now();
  await clock.run(() => over !== undefined, 200);
  expect(over).toBe('done');
  expect(clock.now() - begun).toBeGreaterThan(120_000);
  expect(data()).toEqual({ 'tls.crt': signing['tls.crt'], 'tls.key': signing['tls.key'], 'ca.crt': signing['tls.crt'] });
  expect(replicas.map(({ controlPlane }) => controlPlane.trustBundle)).toEqual([signing['tls.crt'], signing['tls.crt']]);
});

test('somebody else who changes the Secret meanwhile is not overwritten', async () => {
  await clock.run(() => server.get('secrets', 'shop', AUTHORITY_SECRET) !== undefined);
  const store = secretRotation(api, 'shop', AUTHORITY_SECRET);
  const state = await store.read();
  server.put({ ...server.get('secrets', 'shop', AUTHORITY_SECRET)!, metadata: { name: AUTHORITY_SECRET, namespace: 'shop', labels: { by: 'another' } } } as never);
  await expect(store.write(state)).rejects.toMatchObject({ status: 409 });
});
