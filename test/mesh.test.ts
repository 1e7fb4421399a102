import { ApiObject, App, Chart, Size, Testing } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import { AccessLog, LogLevel, Mesh, MeshService, Region, ServicePort } from '../src';
import { emitted, refusal, shopChart, shopMesh, yaml } from './program';

function kinds(chart: Chart): string[] {
  return Testing.synth(chart).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}

test('emits the definitions, the mesh, and a control plane with its account and rights', () => {
  const chart = shopChart();
  shopMesh(chart);
  expect(kinds(chart)).toMatchInlineSnapshot(`
[
  "Namespace/shop",
  "CustomResourceDefinition/meshes.mesh.meshwright.dev",
  "CustomResourceDefinition/meshservices.mesh.meshwright.dev",
  "CustomResourceDefinition/externalservices.mesh.meshwright.dev",
  "ServiceAccount/meshwright-control-plane",
  "ClusterRole/meshwright-control-plane-shop",
  "ClusterRoleBinding/meshwright-control-plane-shop",
  "Role/meshwright-control-plane",
  "RoleBinding/meshwright-control-plane",
  "Deployment/meshwright-control-plane",
  "Service/meshwright-control-plane",
  "NetworkPolicy/meshwright-control-plane",
  "PodDisruptionBudget/meshwright-control-plane",
  "Mesh/mesh",
]
`);
});

describe('namespaces', () => {
  const namespaces = (app: App) => app.charts.flatMap((chart) => kinds(chart)).filter((name) => name.startsWith('Namespace/'));
  const service = (chart: Chart, mesh: Mesh) => new MeshService(chart, 'payment', { mesh, port: ServicePort.http(8080), image: 'shop/payment:1' });

  test('that of the mesh and those of its services come with it, once each, before what is in them', () => {
    const chart = shopChart();
    const app = App.of(chart);
    const mesh = shopMesh(chart);
    service(new Chart(app, 'bank', { namespace: 'bank' }), mesh);
    new MeshService(new Chart(app, 'more', { namespace: 'bank' }), 'ledger', { mesh, port: ServicePort.http(8080), image: 'shop/ledger:1' });
    service(new Chart(app, 'none', { namespace: 'default' }), mesh);
    expect(namespaces(app)).toEqual(['Namespace/shop', 'Namespace/bank']);
    expect(kinds(chart)[0]).toBe('Namespace/shop');
  });

  test('one that the program has already is its own', () => {
    const chart = shopChart();
    new ApiObject(chart, 'namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'shop' } } });
    shopMesh(chart);
    expect(kinds(chart).filter((name) => name.startsWith('Namespace/'))).toEqual(['Namespace/shop']);
  });

  test('none where somebody else makes them', () => {
    const chart = shopChart();
    service(chart, shopMesh(chart, { createNamespaces: false }));
    expect(namespaces(App.of(chart))).toEqual([]);
  });
});

test('the Mesh resource says everything that holds for all proxies', () => {
  const chart = shopChart();
  shopMesh(chart, {
    regions: [Region.of('eu-west', { zones: ['eu-west-1a'], geohashes: ['gc', 'u0'] }), Region.of('us-east')],
    accessLog: AccessLog.stdout(1),
  });
  expect(yaml(emitted(chart, 'Mesh', 'mesh'))).toMatchInlineSnapshot(`
apiVersion: mesh.meshwright.dev/v1alpha1
kind: Mesh
metadata:
  labels:
    app.kubernetes.io/managed-by: meshwright
    mesh.meshwright.dev/mesh: mesh
  name: mesh
  namespace: shop
spec:
  accessLog:
    successPercent: 1
  authorization: enforce
  certificateLifetime: 24h
  encryption: strict
  outsideTraffic:
    policy: registered
  regions:
    - geohashes:
        - gc
        - u0
      name: eu-west
      zones:
        - eu-west-1a
    - geohashes: []
      name: us-east
      zones: []
  trustDomain: shop.example
`);
});

test('the control plane: two replicas apart from each other, hardened, with probes', () => {
  const chart = shopChart();
  shopMesh(chart);
  expect(yaml(emitted(chart, 'Deployment', 'meshwright-control-plane').spec)).toMatchSnapshot();
});

test('the control plane may watch what it reads and write status, and nothing else', () => {
  const chart = shopChart();
  shopMesh(chart);
  expect(yaml(emitted(chart, 'ClusterRole', 'meshwright-control-plane-shop').rules)).toMatchSnapshot();
  expect(yaml(emitted(chart, 'Role', 'meshwright-control-plane').rules)).toMatchSnapshot();
  expect(emitted(chart, 'ClusterRole', 'meshwright-control-plane-shop').metadata.namespace).toBeUndefined();
});

test('options of the planes stand in the manifest, what they leave out with its default', () => {
  const chart = shopChart();
  shopMesh(chart, {
    controlPlane: { image: 'registry.example/control-plane:2', replicas: 3, logLevel: LogLevel.DEBUG, resources: { cpu: { limit: Cpu.units(2) } } },
  });
  const { replicas, template: { spec: { containers: [container] } } } = emitted(chart, 'Deployment', 'meshwright-control-plane').spec;
  expect({ replicas, image: container.image, logLevel: container.args.at(-1), resources: container.resources }).toEqual({
    replicas: 3,
    image: 'registry.example/control-plane:2',
    logLevel: 'debug',
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '2', memory: '512Mi' } },
  });
});

test('threads of the sidecars, and the bounds that follow from them and from the memory, stand in the manifest', () => {
  const chart = new Chart(Testing.app(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', {
    trustDomain: 'shop.example', proxy: { concurrency: 4, resources: { memory: { limit: Size.mebibytes(1024) } } },
  });
  new MeshService(chart, 'payment', { mesh, image: 'payment:1', port: ServicePort.http(8080) });
  const { args } = emitted(chart, 'Deployment', 'payment').spec.template.spec.initContainers[0];
  const after = (name: string): string => args[args.indexOf(name) + 1];
  expect(after('--concurrency')).toBe('4');
  const { overload_manager: overload } = JSON.parse(after('--config-yaml'));
  const bounds = overload.resource_monitors.map(({ typed_config: { '@type': _, ...bound } }: any) => bound);
  expect(bounds).toEqual([{ max_heap_size_bytes: 128 * 2 ** 20 }, { max_bytes: 128 * 2 ** 20 }, { max_delay: '0.5s' }]);
  expect(overload.actions.map(({ name, triggers: [{ threshold }] }: any) => [name, threshold.value])).toEqual([
    ['meshwright.overload_actions.stop_reading', 0.8], ['envoy.overload_actions.stop_accepting_requests', 0.95],
  ]);
});

test('of two meshes, one brings the definitions of the cluster', () => {
  const app = Testing.app();
  const one = new Chart(app, 'one', { namespace: 'one' });
  const two = new Chart(app, 'two', { namespace: 'two' });
  new Mesh(one, 'mesh', { trustDomain: 'one.example' });
  new Mesh(two, 'mesh', { trustDomain: 'two.example' });
  const definitions = (chart: Chart) => kinds(chart).filter((name) => name.startsWith('CustomResourceDefinition/'));
  expect(definitions(one)).toHaveLength(3);
  expect(definitions(two)).toHaveLength(0);
});

test('a mesh in a chart without a namespace is refused', () => {
  const chart = new Chart(Testing.app(), 'shop');
  shopMesh(chart);
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/mesh] MW003 shop/mesh: namespace: nothing: the chart of a mesh needs one, its control plane runs there; write new Chart(app, 'shop', { namespace: 'mesh' })
[shop/mesh] meshwright: 1 error, 0 warnings, 0 acknowledged"
`);
});
