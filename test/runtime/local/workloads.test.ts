import { AddressBlock } from '../../../runtime/local/addresses';
import { parseSettings } from '../../../runtime/local/settings';
import { desiredWorkloads, nothingToRun, type Installation } from '../../../runtime/local/workloads';
import { injected } from '../../../src/contract';
import { MESH, meshService, service, workload } from './manifests';

const installation: Installation = {
  node: '/bin/node', proxy: '/lib/proxy.js', controlPlane: '/lib/control-plane.js', sources: ['/manifests', '/endpoints'], state: '/state',
};
const settings = parseSettings(
  'images:\n  shop/payment: { command: [node, payment.js, --at, $(HOST):$(PORT)], control: { port: 9900, verbs: [fail, ok] } }\n', '/shop/meshwright.local.yaml',
);
const desired = (...objects: Parameters<typeof desiredWorkloads>[0]) =>
  desiredWorkloads(objects, settings, AddressBlock.parse('127.77.0.0/16'), installation);

test('a pod becomes a proxy with its own bootstrap, adapted, and its application', () => {
  const { workloads, problems } = desired(workload('payment', 1));
  expect(problems).toEqual([]);
  const [proxy, app] = workloads[1]!.pods[0]!.processes;
  const at = proxy!.command.indexOf('--config-yaml');
  const name = workloads[1]!.pods[0]!.name;
  expect(proxy!.command.filter((_, index) => index !== at + 1)).toEqual([
    '/bin/node', '/lib/proxy.js', '--drain-time-s', '3', '--config-yaml', '--service-node', `${name}.shop`, '--service-cluster', 'payment.shop',
    '--health-address', '127.77.1.1:15020', '--snapshot-path', `/state/snapshots/shop.${name}`,
  ]);
  const bootstrap = JSON.parse(proxy!.command[at + 1]!) as Record<string, any>;
  expect(bootstrap.node.metadata).toMatchObject({ podIp: '127.77.1.1', loopback: '127.77.1.1' });
  expect(bootstrap.admin.address.socket_address).toEqual({ address: '127.77.1.1', port_value: 15000 });
  expect(bootstrap.static_resources.clusters[0].type).toBe('STATIC');
  const endpoints = bootstrap.static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints as any[];
  expect(endpoints.map((one) => one.endpoint.address.socket_address)).toEqual([
    { address: '127.77.0.2', port_value: 15010 }, { address: '127.77.0.3', port_value: 15010 },
  ]);
  expect(app).toMatchObject({
    role: 'app',
    command: ['/bin/node', 'payment.js', '--at', '127.77.1.1:8080'],
    cwd: '/shop',
    env: { HTTP_PROXY: 'http://127.77.1.1:15001', NO_PROXY: 'localhost,127.0.0.1,127.77.1.1', HOST: '127.77.1.1', PORT: '8080' },
  });
});

test('a pod that a cluster intercepts is as any other on a laptop, where nothing is redirected', () => {
  const { metadata, spec } = workload('payment', 1) as unknown as { metadata: object; spec: { template: { metadata: object; spec: { containers: object[] } } } };
  const { template } = spec;
  const settingsOfMesh = {
    controlPlane: { namespace: 'shop', trustDomain: 'shop.example', clusterDomain: undefined }, interception: {},
    proxy: { image: 'meshwright/proxy:0', logLevel: 'info', concurrency: 1, resources: { limits: { memory: '256Mi' } } },
  };
  const containers = template.spec.containers.map((container) => ({ ...container, env: [{ name: 'NO_PROXY', value: 'own' }], livenessProbe: { tcpSocket: { port: 8080 } } }));
  const pod = injected({ metadata: template.metadata, spec: { containers } }, 'shop', settingsOfMesh) as { spec: object };
  const { workloads, problems } = desired({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { ...spec, template: { ...template, spec: pod.spec } } } as never);
  expect(problems).toEqual([]);
  const [proxy, app] = workloads[1]!.pods[0]!.processes;
  const bootstrap = JSON.parse(proxy!.command[proxy!.command.indexOf('--config-yaml') + 1]!) as Record<string, any>;
  expect(bootstrap.node.metadata).toEqual({ service: 'payment', namespace: 'shop', version: 'base', podIp: '127.77.1.1', loopback: '127.77.1.1' });
  expect(proxy!.command).toContain('{"/app-health/payment/liveness":{"tcpSocket":{"port":8080}}}');
  expect(app!.env).toMatchObject({ HTTP_PROXY: 'http://127.77.1.1:15001', http_proxy: 'http://127.77.1.1:15001', NO_PROXY: 'own,127.77.1.1' });
});

test('pods are spread over the zones of their service', () => {
  const zones = (object: ReturnType<typeof meshService>) =>
    desired(workload('payment', 4), MESH, object).workloads[1]!.pods.map(({ zone, region }) => `${region}/${zone}`);
  expect(zones(meshService('payment'))).toEqual(['eu/eu-a', 'us/us-a', 'eu/eu-b', 'eu/eu-a']);
  expect(zones(meshService('payment', ['us']))).toEqual(['us/us-a', 'us/us-a', 'us/us-a', 'us/us-a']);
});

test('another number of pods changes none that is there; another image renames them all', () => {
  const names = (object: ReturnType<typeof workload>) => desired(object).workloads[1]!.pods.map(({ name }) => name);
  expect(names(workload('payment', 3)).slice(0, 2)).toEqual(names(workload('payment', 2)));
  expect(names(workload('payment', 1, 'shop/payment:2'))).not.toEqual(names(workload('payment', 1)));
  expect(names(workload('payment', 2, 'shop/payment:2', 'StatefulSet'))).toEqual(['payment-0', 'payment-1']);
});

test('an image without a command is a problem that names it and the fix; other workloads run', () => {
  const { workloads, problems } = desired(workload('payment', 1), workload('order', 1));
  expect(workloads.map(({ id }) => id)).toEqual(['Deployment/meshwright-system/meshwright-control-plane', 'Deployment/shop/payment']);
  expect(problems).toEqual([{
    where: 'Deployment/shop/order',
    message: 'container order: no command for image "shop/order:1"; say in meshwright.local.yaml how it runs here: images: { shop/order: { command: [node, order.js] } }',
  }]);
});

test('what has no sidecar is named and not run; the control plane runs with its replicas', () => {
  const plain = (name: string, image: string, replicas: number) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: { replicas, template: { metadata: { labels: {} }, spec: { containers: [{ name, image }] } } },
  });
  const { workloads, skipped } = desired(plain('jaeger', 'jaeger:1', 1), plain('cp', 'ghcr.io/meshwright/control-plane:1', 3), service('payment'));
  expect(skipped).toEqual(['Deployment/shop/jaeger']);
  expect(workloads.map(({ id, pods }) => [id, pods.map(({ address }) => address)])).toEqual([
    ['Deployment/shop/cp', ['127.77.0.2', '127.77.0.3', '127.77.0.4']],
  ]);
  expect(workloads[0]!.pods[0]!.processes[0]!.command).toEqual([
    '/bin/node', '/lib/control-plane.js', '--source', 'folder:/manifests', '--source', 'folder:/endpoints', '--xds-address', '127.77.0.2:15010',
    '--admin-address', '127.77.0.2:15014', '--status-file', '/state/status-0.json',
  ]);
});

test('environment: references to ConfigMaps and Secrets of the manifests, in order; what is not there is a problem', () => {
  const object = structuredClone(workload('payment', 1)) as any;
  const { env } = object.spec.template.spec.containers[0];
  env.push(
    { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } },
    { name: 'B', valueFrom: { secretKeyRef: { name: 'token', key: 'b' } } },
    { name: 'C', value: '$(A)-$(B)' },
    { name: 'D', valueFrom: { secretKeyRef: { name: 'none', key: 'd', optional: true } } },
    { name: 'E', valueFrom: { fieldRef: { fieldPath: "metadata.labels['mesh.meshwright.dev/service']" } } },
  );
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' }, data: { a: '1' } };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'token', namespace: 'shop' }, data: { b: Buffer.from('2').toString('base64') } };
  const app = desired(object, config, secret).workloads[1]!.pods[0]!.processes[1]!;
  expect(app.env).toMatchObject({ A: '1', B: '2', C: '1-2', E: 'payment' });
  expect('D' in app.env).toBe(false);
  expect(desired(object, secret).problems[0]!.message).toBe(
    'container payment: env A: no key "a" in ConfigMap/settings of namespace shop; add the ConfigMap to the manifests');
});

test('services of bytes are at the pod\'s own address, as its proxy is', () => {
  const object = workload('payment', 1) as any;
  object.spec.template.spec.containers[0].env = [{ name: 'DB_SERVICE_HOST', value: '127.0.0.1' }, { name: 'DB_SERVICE_PORT', value: '5432' }];
  const [, app] = desired(object).workloads[1]!.pods[0]!.processes;
  expect(app!.env).toMatchObject({ DB_SERVICE_HOST: '127.77.1.1', DB_SERVICE_PORT: '5432' });
});

test('manifests without a pod of a mesh are nothing to run', () => {
  expect(nothingToRun(desired(workload('payment', 1)), '/shop')).toBeUndefined();
  expect(nothingToRun(desired(MESH), '/shop')).toEqual({
    where: '/shop', message: expect.stringMatching(/^there is nothing to run: there is no Deployment or StatefulSet; synthesize /),
  });
  const jaeger = workload('jaeger', 1) as any;
  delete jaeger.spec.template.spec.initContainers;
  expect(nothingToRun(desired(jaeger), '/shop')?.message).toMatch('none of Deployment/shop/jaeger has the sidecar');
});
