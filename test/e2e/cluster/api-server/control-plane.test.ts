import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiObject, HttpKubernetesApi, Lease } from '../../../../runtime/control-plane/kubernetes';
import { Proxy } from '../../../runtime/control-plane/support/proxy';
import { Replica } from './replica';
import { administrator, answered, ApiServerProcess, apply, exampleDocuments, kubeconfigOf, prepare, remove, until } from './support';

/** The control plane as the bundle that images run, with the rights of its own service account, on a real API server. */

/** Of this test alone: whatever else runs in the cluster has the other names. */
const NAMESPACE = 'apishop';
const ACCOUNT = 'meshwright-control-plane';
const EXAMPLE = exampleDocuments().find(({ example }) => example === 'ecommerce')!.documents;
const SHOP = JSON.parse(JSON.stringify(EXAMPLE).replace(/\bshop\b/g, NAMESPACE)) as ApiObject[];
/** Without the workloads: what runs here is the control plane, and the proxies are the test's. */
const APPLIED = SHOP.filter(({ kind }) => !['CustomResourceDefinition', 'Deployment', 'PodDisruptionBudget'].includes(kind!));
const PAYMENT = SHOP.find(({ kind, metadata }) => kind === 'MeshService' && metadata.name === 'payment')!;

const ROUTE = SHOP.find(({ kind }) => kind === 'HTTPRoute')!;

// Only a hang may run into it: a server that starts again takes its time on a busy machine.
jest.setTimeout(180_000);

let api: HttpKubernetesApi;
let folder: string;
let config: string;
const replicas: Replica[] = [];
const proxies: Proxy[] = [];

function replica(pod: string): Replica {
  const made = new Replica(pod, NAMESPACE, config);
  replicas.push(made);
  return made;
}

async function proxy(of: Replica): Promise<Proxy> {
  const made = new Proxy(await of.xdsPort(), 'order', { service: 'order', namespace: NAMESPACE, version: 'base', podIp: '10.0.0.1' });
  proxies.push(made.start());
  await made.holds(`Cluster payment.${NAMESPACE}:8080`);
  return made;
}

interface Condition { type: string; status: string; reason: string; message: string; observedGeneration: number }
const condition = ({ status = {} }: ApiObject, type: string) => (status as { conditions?: Condition[] }).conditions?.find((one) => one.type === type);
const programmed = (text: string) => (object: ApiObject) => condition(object, 'Programmed')?.message.startsWith(text) ?? false;
const timeout = (total: string) => ({ ...PAYMENT, spec: { ...PAYMENT.spec as object, timeout: { total } } }) as ApiObject;

beforeAll(async () => {
  api = administrator();
  folder = mkdtempSync(join(tmpdir(), 'meshwright-e2e-'));
  await prepare(api, NAMESPACE);
  for (const document of APPLIED) await apply(api, document);
  config = await kubeconfigOf(api, NAMESPACE, ACCOUNT, join(folder, 'kubeconfig'));
});

afterAll(async () => {
  proxies.forEach((one) => one.close());
  for (const { child, ended } of replicas) {
    child.kill('SIGKILL');
    await ended;
  }
  for (const document of APPLIED) await remove(api, document);
  await remove(api, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  api.close();
  rmSync(folder, { recursive: true });
});

test('with the rights that are emitted it reads everything, serves, and writes the status of every object', async () => {
  const one = replica('cp-1');
  await one.leads();
  const order = await proxy(one);
  const payment = await until(api, PAYMENT, programmed('1 of 1 proxies run it'));
  expect((payment.status as { conditions: Condition[] }).conditions).toMatchObject([
    { type: 'Accepted', status: 'True', observedGeneration: payment.metadata.generation },
    { type: 'ResolvedRefs', status: 'True' },
    { type: 'Programmed', status: 'True', reason: 'Programmed' },
  ]);
  const route = await until(api, ROUTE, ({ status }) => (status as { parents?: unknown[] } | undefined)?.parents !== undefined);
  expect(route.status).toMatchObject({
    parents: [{
      controllerName: 'mesh.meshwright.dev/control-plane',
      parentRef: { kind: 'Service', group: '' },
      conditions: [{ type: 'Accepted', status: 'True' }, { type: 'ResolvedRefs' }, { type: 'Programmed' }],
    }],
  });
  order.close();
  // It runs without an authority here, which it says; of the API there is nothing to complain.
  expect(one.lines.filter(({ level, component }) => level !== 'info' && component !== 'identity')).toEqual([]);
});

test('a change arrives at the proxies of every replica, and their acknowledgements are counted together', async () => {
  const two = replica('cp-2');
  await Promise.all([proxy(replicas[0]), proxy(two)]);
  await until(api, PAYMENT, programmed('2 of 2 proxies run it'));
  const { metadata: { generation } } = await apply(api, timeout('7s'));
  await until(api, PAYMENT, (object) => condition(object, 'Programmed')?.observedGeneration === generation && programmed('2 of 2 proxies run it')(object));
});

test('what the API server lets pass and the mesh does not is said on the object', async () => {
  const calls = [...(PAYMENT.spec as { calls?: object[] }).calls ?? [], { service: 'nobody', namespace: NAMESPACE }];
  await apply(api, { ...PAYMENT, spec: { ...PAYMENT.spec as object, calls } } as ApiObject);
  const object = await until(api, PAYMENT, (found) => condition(found, 'ResolvedRefs')?.status === 'False');
  expect(condition(object, 'ResolvedRefs')).toMatchObject({ reason: 'BackendNotFound', message: expect.stringContaining(`${NAMESPACE}/nobody`) as string });
  await apply(api, timeout('7s'));
  await until(api, PAYMENT, (found) => condition(found, 'ResolvedRefs')?.status === 'True');
});

test('the leader is killed: another one leads, and no change is lost', async () => {
  const [leader, other] = replicas;
  const lease = await api.request<Lease>({ method: 'GET', path: `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${ACCOUNT}` });
  expect(lease.spec.holderIdentity).toMatch(/^cp-1_/);
  const killed = Date.now();
  leader.child.kill('SIGKILL');
  await leader.ended;
  const { metadata: { generation } } = await apply(api, timeout('8s'));
  await other.leads();
  process.stdout.write(`takeover after ${Date.now() - killed} ms\n`);
  await until(api, PAYMENT, (object) => condition(object, 'Programmed')?.observedGeneration === generation && condition(object, 'Programmed')?.status === 'True');
});

test('the API server is killed and started again: what is known is served meanwhile, watches go on where they were, and somebody leads', async () => {
  const [, other] = replicas;
  const server = new ApiServerProcess();
  const from = other.lines.length;
  server.kill();
  await other.said(({ message }) => message.includes('what is known goes on'), from);
  await other.said(({ message }) => message === 'leads no more', from);
  const late = await proxy(other);
  expect(late.client.dangling()).toEqual([]);
  server.start();
  await other.leads(from);
  const { metadata: { generation } } = await answered(async () => apply(api, timeout('9s')));
  await until(api, PAYMENT, (object) => condition(object, 'Programmed')?.observedGeneration === generation && condition(object, 'Programmed')?.status === 'True');
  expect(other.lines.slice(from).filter(({ message }) => message.includes('cannot be listed'))).toEqual([]);
});

test('one that is told to end gives the lease back', async () => {
  const [, other] = replicas;
  other.child.kill('SIGTERM');
  expect(await other.ended).toEqual([0, null]);
  const lease = await api.request<Lease>({ method: 'GET', path: `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${ACCOUNT}` });
  expect(lease.spec.holderIdentity).toBe('');
});
