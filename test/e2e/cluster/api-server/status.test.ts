import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiObject, HttpKubernetesApi } from '../../../../runtime/control-plane/kubernetes';
import { TypeUrl } from '../../../../runtime/xds';
import { Proxy } from '../../../runtime/control-plane/support/proxy';
import { Replica } from './replica';
import { administrator, apply, exampleDocuments, kubeconfigOf, pathOf, prepare, remove, until } from './support';

/** What stands on the objects of a real API server: who runs them, what proxies said against them, and what each parent of a route is told. */

/** Of this test alone. */
const NAMESPACE = 'statusshop';
const CALLERS = 'statuscallers';
const ACCOUNT = 'meshwright-control-plane';
const EXAMPLE = exampleDocuments().find(({ example }) => example === 'ecommerce')!.documents;
const SHOP = JSON.parse(JSON.stringify(EXAMPLE).replace(/\bshop\b/g, NAMESPACE)) as ApiObject[];
const APPLIED = SHOP.filter(({ kind }) => !['CustomResourceDefinition', 'Namespace', 'Deployment', 'PodDisruptionBudget'].includes(kind!));
const PAYMENT = SHOP.find(({ kind, metadata }) => kind === 'MeshService' && metadata.name === 'payment')!;
const CANARY = SHOP.find(({ kind, metadata }) => kind === 'HTTPRoute' && metadata.name === 'payment-canary')!;

// Only a hang may run into it.
jest.setTimeout(120_000);

interface Condition { type: string; status: string; reason: string; message: string; observedGeneration: number }
interface ParentStatus { controllerName: string; parentRef: Record<string, unknown>; conditions: Condition[] }

const OURS = 'mesh.meshwright.dev/control-plane';
const parentsOf = ({ status = {} }: ApiObject) => (status as { parents?: ParentStatus[] }).parents ?? [];
const conditionsOf = (object: ApiObject) => (
  (object.status as { conditions?: Condition[] } | undefined)?.conditions ?? parentsOf(object)[0]?.conditions ?? []
);
const condition = (object: ApiObject, type: string) => conditionsOf(object).find((one) => one.type === type);
const is = (type: string, expected: Partial<Condition>) => (object: ApiObject) => {
  const found = condition(object, type);
  return found !== undefined && Object.entries(expected).every(([member, value]) => found[member as keyof Condition] === value);
};

let api: HttpKubernetesApi;
let folder: string;
let replica: Replica;
const proxies: Proxy[] = [];
const made: ApiObject[] = [];

async function order(refuse?: Proxy['client']['refuse']): Promise<Proxy> {
  const proxy = new Proxy(await replica.xdsPort(), 'order', { service: 'order', namespace: NAMESPACE, version: 'base', podIp: '10.0.0.1' });
  if (refuse) proxy.client.refuse = refuse;
  proxies.push(proxy.start());
  return proxy;
}

/** Applied, and taken away at the end. */
async function create(object: ApiObject): Promise<ApiObject> {
  made.push(object);
  return apply(api, object);
}

function route(name: string, spec: object, namespace = NAMESPACE): ApiObject {
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name, namespace }, spec } as ApiObject;
}

const rule = (name: string, namespace?: string) => ({ name, backendRefs: [{ name: 'payment', port: 8080, ...namespace === undefined ? {} : { namespace } }] });

beforeAll(async () => {
  api = administrator();
  folder = mkdtempSync(join(tmpdir(), 'meshwright-e2e-'));
  await prepare(api, NAMESPACE, CALLERS);
  for (const document of APPLIED) await apply(api, document);
  replica = new Replica('cp-1', NAMESPACE, await kubeconfigOf(api, NAMESPACE, ACCOUNT, join(folder, 'kubeconfig')));
  await replica.leads();
});

afterAll(async () => {
  proxies.forEach((one) => one.close());
  await replica?.kill();
  for (const document of [...APPLIED, ...made]) await remove(api, document);
  for (const name of [NAMESPACE, CALLERS]) await remove(api, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  api.close();
  rmSync(folder, { recursive: true });
});

test('Programmed counts who acknowledged: of nobody, of one, of two', async () => {
  await until(api, PAYMENT, is('Programmed', { status: 'Unknown', reason: 'NoProxies' }));
  await order();
  await until(api, PAYMENT, is('Programmed', { status: 'True', message: '1 of 1 proxies run it' }));
  await until(api, CANARY, is('Programmed', { status: 'True', message: '1 of 1 proxies run it' }));
  await order();
  await until(api, PAYMENT, is('Programmed', { status: 'True', message: '2 of 2 proxies run it' }));
});

test('what a proxy says against a rule stands on its route, and on no other; once it takes the rule it is gone', async () => {
  const [first] = proxies;
  // Behind inventory, which comes first: the rule of testers.
  const text = `virtual_hosts[1].routes[0].route.timeout: is too short for me (${NAMESPACE})`;
  first.client.refuse = ({ typeUrl }) => (typeUrl === TypeUrl.RDS ? text : undefined);
  const { spec } = CANARY as unknown as { spec: { rules: object[] } };
  const [testers, ...rest] = spec.rules;
  const changed = await apply(api, { ...CANARY, spec: { ...spec, rules: [{ ...testers, timeouts: { request: '1s' } }, ...rest] } } as ApiObject);
  const refused = await until(api, CANARY, is('Programmed', { status: 'False', reason: 'Refused' }));
  expect(condition(refused, 'Programmed')).toMatchObject({ observedGeneration: changed.metadata.generation });
  const { message } = condition(refused, 'Programmed')!;
  expect(message.split('\n')).toEqual(['1 of 2 proxies run it', expect.stringMatching(/^proxy order-1\.shop refused RouteConfiguration outbound: /)]);
  expect(message).toContain(text);
  expect(condition(refused, 'Accepted')).toMatchObject({ status: 'True' });
  first.client.refuse = () => undefined;
  const again = await apply(api, CANARY);
  const taken = await until(api, CANARY, is('Programmed', { status: 'True', message: '2 of 2 proxies run it', observedGeneration: again.metadata.generation }));
  expect(JSON.stringify(taken.status)).not.toContain('too short');
});

test('what it says against a cluster stands on the service', async () => {
  const [first] = proxies;
  first.client.refuse = ({ typeUrl, resources }) => (
    typeUrl === TypeUrl.CDS && resources.some(({ name }) => name === `payment.${NAMESPACE}:8080`) ? 'circuit_breakers: are not for me' : undefined
  );
  const spec = { ...PAYMENT.spec as object, bulkhead: { maxConnections: 77 } };
  await apply(api, { ...PAYMENT, spec } as ApiObject);
  const refused = await until(api, PAYMENT, is('Programmed', { status: 'False', reason: 'Refused' }));
  expect(condition(refused, 'Programmed')!.message).toContain(`refused Cluster payment.${NAMESPACE}:8080: circuit_breakers: are not for me`);
  first.client.refuse = () => undefined;
  await apply(api, PAYMENT);
  await until(api, PAYMENT, is('Programmed', { status: 'True', message: '2 of 2 proxies run it' }));
});

test('each parent is told for itself, beside what another controller told it', async () => {
  const refs = [{ group: '', kind: 'Service', name: 'payment' }, { group: '', kind: 'Service', name: 'nobody' }, { name: 'edge' }];
  const two = await create(route('status-parents', { parentRefs: refs, rules: [{ ...rule('all'), matches: [{ path: { type: 'PathPrefix', value: '/parents' } }] }] }));
  const told = await until(api, two, (object) => parentsOf(object).length === 2);
  expect(parentsOf(told).map(({ controllerName, parentRef, conditions: [{ type, status, reason, observedGeneration }] }) => (
    [controllerName, parentRef.name, type, status, reason, observedGeneration]
  ))).toEqual([
    [OURS, 'payment', 'Accepted', 'True', 'Accepted', two.metadata.generation],
    [OURS, 'nobody', 'Accepted', 'False', 'NoMatchingParent', two.metadata.generation],
  ]);
  const foreign = {
    controllerName: 'example.org/gateway',
    parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' },
    conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' }],
  };
  await api.request({
    method: 'PATCH', path: `${await pathOf(api, two)}/status`, contentType: 'application/merge-patch+json',
    body: { status: { parents: [foreign, ...parentsOf(told)] } },
  });
  const moved = await apply(api, { ...two, metadata: { name: 'status-parents', namespace: NAMESPACE }, spec: { ...two.spec as object, parentRefs: [refs[0], refs[2]] }, status: undefined } as ApiObject);
  const after = await until(api, two, (object) => (
    parentsOf(object).length === 2
    && parentsOf(object).find(({ controllerName }) => controllerName === OURS)?.conditions[0].observedGeneration === moved.metadata.generation
  ));
  expect(parentsOf(after).map(({ controllerName, parentRef }) => [controllerName, parentRef.name])).toEqual([['example.org/gateway', 'edge'], [OURS, 'payment']]);
  // It leaves the mesh, and takes nothing of it along.
  await apply(api, { ...two, metadata: { name: 'status-parents', namespace: NAMESPACE }, spec: { ...two.spec as object, parentRefs: [refs[2]] }, status: undefined } as ApiObject);
  const left = await until(api, two, (object) => parentsOf(object).every(({ controllerName }) => controllerName !== OURS));
  expect(parentsOf(left).map(({ controllerName }) => controllerName)).toEqual(['example.org/gateway']);
});

test('references: what may not be followed says so until a grant lets it', async () => {
  const target = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'ledger', namespace: CALLERS }, spec: { ports: [{ port: 80 }] } } as ApiObject;
  await create(target);
  const one = await create(route('status-references', {
    parentRefs: [{ group: '', kind: 'Service', name: 'payment' }],
    rules: [{ name: 'ledger', matches: [{ path: { type: 'PathPrefix', value: '/ledger' } }], backendRefs: [{ name: 'ledger', namespace: CALLERS, port: 80 }] }],
  }));
  const refused = await until(api, one, is('ResolvedRefs', { status: 'False', reason: 'RefNotPermitted' }));
  expect(condition(refused, 'ResolvedRefs')!.message).toContain(`no ReferenceGrant in namespace ${CALLERS} admits HTTPRoutes of namespace ${NAMESPACE}`);
  await create({
    apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant', metadata: { name: 'to-ledger', namespace: CALLERS },
    spec: { from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: NAMESPACE }], to: [{ group: '', kind: 'Service', name: 'ledger' }] },
  } as ApiObject);
  await until(api, one, is('ResolvedRefs', { status: 'True', reason: 'ResolvedRefs' }));
});

test('a route of callers in another namespace is accepted at its parent there, and a filter that is not run is refused', async () => {
  const parentRefs = [{ group: '', kind: 'Service', name: 'payment', namespace: NAMESPACE }];
  const consumer = await create(route('status-consumer', { parentRefs, rules: [rule('mine', NAMESPACE)] }, CALLERS));
  const told = await until(api, consumer, is('Accepted', { status: 'True', observedGeneration: consumer.metadata.generation }));
  expect(parentsOf(told)).toMatchObject([{ controllerName: OURS, parentRef: parentRefs[0], conditions: [{ type: 'Accepted' }, { type: 'ResolvedRefs', status: 'True' }, { type: 'Programmed' }] }]);
  const extension = { type: 'ExtensionRef', extensionRef: { group: 'example.com', kind: 'Filter', name: 'own' } };
  const refused = await create(route('status-mirror', { parentRefs: [{ group: '', kind: 'Service', name: 'payment' }], rules: [{ ...rule('all'), filters: [extension] }] }));
  const said = await until(api, refused, is('Accepted', { status: 'False', reason: 'UnsupportedValue' }));
  expect(condition(said, 'Accepted')!.message).toContain('spec.rules[0].filters[0].type is "ExtensionRef"');
});
