import type { PodFacts } from '../../../src/check/graph';
import type { MeshSpec } from '../../../src/contract/mesh';
import { container, graph, meshNode, object, rule, route, service } from '../builders';
import type { Case } from './case';

const withContainers = (...containers: readonly ReturnType<typeof container>[]) => graph(service('payment', { containers }));
const port = (number: number, name?: string) => ({ ports: [{ name, number, protocol: 'TCP' }] });

const intercepted = (interception: Partial<NonNullable<PodFacts['interception']>>) => graph(service('payment', { pod: { interception: { unanswered: [], openPorts: [], ...interception } } }));
const INJECTION: MeshSpec['injection'] = {
  proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } }, interception: {},
};

const inConsul = service('payment', { spec: { discovery: { consul: { service: 'legacy-payment' } } } });

export const OBJECTS: readonly Case[] = [
  {
    code: 'MW126',
    name: 'a canary of the latest build',
    path: 'shop/payment/v2',
    fires: graph(service('payment', { versions: { v2: { containers: [container({ image: 'registry:5000/shop/payment' })] } } })),
    silent: graph(service('payment', { versions: { v2: { containers: [container({ image: `shop/payment@sha256:${'0'.repeat(64)}` })] } } })),
  },
  {
    code: 'MW127',
    name: 'capitals and underscores',
    path: 'shop/config',
    fires: graph(object('ConfigMap', 'Payment_Service', 'shop/config')),
    silent: graph(object('ConfigMap', 'payment-service.v1', 'shop/config'), object('Role', 'system:node', 'shop/role', 'rbac.authorization.k8s.io/v1')),
  },
  {
    code: 'MW127',
    name: 'a Service that begins with a digit',
    path: 'shop/payment/Service',
    fires: graph(service('payment'), object('Service', '1payment', 'shop/payment/Service')),
    silent: graph(service('payment'), object('Service', 'payment1', 'shop/payment/Service')),
  },
  {
    code: 'MW128',
    name: 'a container called as the sidecar',
    path: 'shop/payment',
    fires: withContainers(container({ name: 'app' }), container({ name: 'meshwright-proxy' })),
    silent: withContainers(container({ name: 'app' }), container({ name: 'agent' })),
  },
  {
    code: 'MW129',
    name: 'a port of the sidecar',
    path: 'shop/payment',
    fires: withContainers(container(port(15020)), container({ name: 'server', ...port(8080) })),
    silent: withContainers(container(port(15030)), container({ name: 'server', ...port(8080) })),
  },
  {
    code: 'MW130',
    name: 'the user of the sidecar',
    path: 'shop/payment',
    fires: withContainers(container({ runAsUser: 1337 })),
    silent: withContainers(container({ runAsUser: 1000 })),
  },
  {
    code: 'MW131',
    name: 'a variable twice',
    path: 'shop/payment',
    fires: withContainers(container({ env: ['PAYMENT_URL', 'TZ', 'PAYMENT_URL'] })),
    silent: withContainers(container({ env: ['PAYMENT_URL', 'TZ'] }), container({ name: 'agent', env: ['TZ'] })),
  },
  {
    code: 'MW132',
    name: 'one name for two objects',
    path: 'b/svc',
    fires: graph(object('Service', 'payment', 'a/svc'), object('Service', 'payment', 'b/svc')),
    silent: graph(object('Service', 'payment', 'a/svc'), object('Service', 'payment', 'b/svc', 'v1', 'bank'), object('ConfigMap', 'payment', 'b/config')),
  },
  {
    code: 'MW132',
    name: 'one name for two objects of the cluster',
    path: 'b/role',
    fires: graph(
      object('ClusterRole', 'reader', 'a/role', 'rbac.authorization.k8s.io/v1', 'shop'), object('ClusterRole', 'reader', 'b/role', 'rbac.authorization.k8s.io/v1', 'bank'),
    ),
    silent: graph(object('Role', 'reader', 'a/role', 'rbac.authorization.k8s.io/v1', 'shop'), object('Role', 'reader', 'b/role', 'rbac.authorization.k8s.io/v1', 'bank')),
  },
  {
    code: 'MW137',
    name: 'a port name that only a Service may have',
    path: 'shop/payment',
    fires: withContainers(container(port(9090, 'grpc-payment-internal')), container({ name: 'server', ...port(8080) })),
    silent: withContainers(container(port(9090, 'grpc-internal')), container({ name: 'server', ...port(8080) })),
  },
  {
    code: 'MW140',
    name: 'a request above its limit',
    path: 'shop/payment',
    fires: withContainers(container({ resources: { requests: { cpu: '0.5', memory: '1Gi' }, limits: { cpu: '200m', memory: '1024Mi' } } })),
    silent: withContainers(container({ resources: { requests: { cpu: '0.2', memory: '128Mi' }, limits: { cpu: '200m', memory: '1e9' } } })),
  },
  {
    code: 'MW141',
    name: 'a probe of no port',
    path: 'shop/payment',
    fires: withContainers(container({ ...port(8080, 'http'), probePorts: ['metrics'] })),
    silent: withContainers(container({ ...port(8080, 'http'), probePorts: ['http'] })),
  },
  {
    code: 'MW145',
    name: 'a service at another port than its containers declare',
    path: 'shop/payment',
    fires: withContainers(container(port(3000)), container({ name: 'agent', ...port(9100, 'metrics') })),
    silent: withContainers(container(port(8080)), container({ name: 'agent', ...port(9100, 'metrics') })),
  },
  {
    code: 'MW159',
    name: 'a probe that a patch brought',
    path: 'shop/payment',
    fires: intercepted({ unanswered: ['container app: livenessProbe.grpc'] }),
    silent: intercepted({}),
  },
  {
    code: 'MW159',
    name: 'a hook by HTTP',
    path: 'shop/payment',
    fires: intercepted({ unanswered: ['container app: preStop.httpGet'] }),
    silent: intercepted({}),
  },
  {
    code: 'MW160',
    name: 'interception under pod security',
    path: 'shop/payment',
    fires: { ...intercepted({}), podSecurity: new Map([['shop', 'baseline'], ['other', 'privileged']]) },
    silent: { ...intercepted({}), podSecurity: new Map([['shop', 'privileged'], ['other', 'restricted']]) },
  },
  {
    code: 'MW160',
    name: 'and only where there is interception',
    path: 'shop/payment',
    fires: { ...intercepted({}), podSecurity: new Map([['shop', 'restricted']]) },
    silent: { ...graph(service('payment')), podSecurity: new Map([['shop', 'restricted']]) },
  },
  {
    code: 'MW161',
    name: 'a second mesh that injects',
    path: 'two/mesh',
    fires: graph(meshNode({ injection: INJECTION }), { ...meshNode({ injection: INJECTION }), path: 'two/mesh', namespace: 'two' }),
    silent: graph(meshNode({ injection: INJECTION }), { ...meshNode(), path: 'two/mesh', namespace: 'two' }),
  },
  {
    code: 'MW162',
    name: 'the port of the service past its proxy',
    path: 'shop/payment',
    fires: intercepted({ openPorts: [9090, 8080] }),
    silent: intercepted({ openPorts: [9090] }),
  },
  {
    code: 'MW163',
    name: 'the network of the node',
    path: 'shop/payment',
    fires: graph(service('payment', { pod: { hostNetwork: true } })),
    silent: graph(service('payment', { pod: { hostNetwork: false } })),
  },
  {
    code: 'MW175',
    name: 'instances in a Consul that nobody asks',
    path: 'shop/payment',
    fires: graph(inConsul),
    silent: graph(inConsul, { ...meshNode(), consul: true }),
  },
];

const db = (name: string, number = 5432) => service(name, { spec: { port: { number, protocol: 'tcp' } } });

/** Mistakes that are told of beside the one that they follow from. */
export const TOGETHER = [
  {
    name: 'two services of one name are one mistake',
    codes: ['MW132'],
    fires: graph(
      service('payment'), { ...service('payment'), path: 'shop/second' },
      ...['payment', 'second'].flatMap((id) => ['Deployment', 'Service'].map((kind) => object(kind, 'payment', `shop/${id}/${kind}`))),
    ),
    silent: graph(service('payment'), ...['Deployment', 'Service'].map((kind) => object(kind, 'payment', `shop/payment/${kind}`))),
  },
  {
    name: 'two upstreams of bytes at one port of the loopback',
    codes: ['MW146'],
    fires: graph(service('order', { calls: ['orders', 'stock'] }), db('orders'), db('stock')),
    silent: graph(service('order', { calls: ['orders', { to: 'stock', localPort: 15432 }] }), db('orders'), db('stock')),
  },
  {
    name: 'an upstream of bytes at the port of the application, one at a port of the sidecar, and a local port of a service with a name',
    codes: ['MW146', 'MW146', 'MW146'],
    fires: graph(service('order', { calls: ['orders', { to: 'stock', localPort: 15001 }, { to: 'payment', localPort: 9000 }] }), db('orders', 8080), db('stock'), service('payment')),
    silent: graph(service('order', { calls: [{ to: 'orders', localPort: 18080 }, 'stock', 'payment'] }), db('orders', 8080), db('stock'), service('payment')),
  },
  {
    name: 'a timeout of requests where there are none',
    codes: ['MW147'],
    fires: graph(service('order', { calls: [{ to: 'orders', timeout: { total: '1s' } }] }), db('orders')),
    silent: graph(service('order', { calls: [{ to: 'orders', timeout: { total: '1s' } }] }), service('orders')),
  },
  {
    name: 'HTTP and gRPC in one split',
    codes: ['MW106'],
    fires: graph(service('api'), service('api-grpc', { spec: { port: { number: 8080, protocol: 'grpc' } } }), route('canary', 'api', rule('all', [], { 'api': {}, 'api-grpc': {} }))),
    silent: graph(service('api'), service('api-next', { spec: { port: { number: 8080, protocol: 'http2' } } }), route('canary', 'api', rule('all', [], { 'api': {}, 'api-next': {} }))),
  },
  {
    name: 'a route of bytes',
    codes: ['MW108'],
    fires: graph(service('queue', { spec: { port: { number: 8080, protocol: 'tcp' } } }), route('canary', 'queue', rule('all', [], { queue: {} }))),
    silent: graph(service('queue'), route('canary', 'queue', rule('all', [], { queue: {} }))),
  },
] as const;
