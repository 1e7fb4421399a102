import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import { Region, ServicePort, Timeout } from '../src';
import { emitted, service, shopChart, shopMesh, yaml } from './program';

describe('manifests of a service', () => {
  test('MeshService: everything that affects traffic is written out', () => {
    const chart = shopChart();
    service(shopMesh(chart), 'payment');
    expect(yaml(emitted(chart, 'MeshService', 'payment'))).toMatchInlineSnapshot(`
apiVersion: mesh.meshwright.dev/v1alpha1
kind: MeshService
metadata:
  labels:
    app.kubernetes.io/managed-by: meshwright
    app.kubernetes.io/name: payment
    mesh.meshwright.dev/mesh: mesh
    mesh.meshwright.dev/service: payment
  name: payment
  namespace: shop
spec:
  loadBalancer:
    leastRequest:
      choices: 2
  mesh:
    name: mesh
    namespace: shop
  port:
    number: 8080
    protocol: http
  serviceAccount: payment
`);
  });

  test('Deployment: a hardened container behind a native sidecar', () => {
    const chart = shopChart();
    service(shopMesh(chart), 'payment', {
      replicas: 3,
      env: { LOG: 'json' },
      command: ['node'],
      args: ['server.js'],
      readinessPath: '/ready',
      resources: { cpu: { request: Cpu.millis(500), limit: Cpu.units(4) }, memory: { request: Size.gibibytes(1), limit: Size.gibibytes(8) } },
    });
    expect(yaml(emitted(chart, 'Deployment', 'payment'))).toMatchSnapshot();
  });

  test('Service: callers reach the sidecar of the base version', () => {
    const chart = shopChart();
    service(shopMesh(chart), 'payment');
    expect(yaml(emitted(chart, 'Service', 'payment').spec)).toMatchInlineSnapshot(`
ports:
  - appProtocol: http
    name: http
    port: 8080
    protocol: TCP
    targetPort: 15006
selector:
  mesh.meshwright.dev/service: payment
  mesh.meshwright.dev/version: base
type: ClusterIP
`);
  });

  test('ServiceAccount and PodDisruptionBudget', () => {
    const chart = shopChart();
    service(shopMesh(chart), 'payment', { maxUnavailable: 2 });
    expect(emitted(chart, 'ServiceAccount', 'payment').automountServiceAccountToken).toBe(false);
    expect(yaml(emitted(chart, 'PodDisruptionBudget', 'payment').spec)).toMatchInlineSnapshot(`
maxUnavailable: 2
selector:
  matchLabels:
    mesh.meshwright.dev/service: payment
    mesh.meshwright.dev/version: base
`);
  });

  test('a name of its own goes into everything', () => {
    const chart = shopChart();
    const payment = service(shopMesh(chart), 'Payment', { name: 'pay' });
    expect(emitted(chart, 'Deployment', 'pay').spec.template.spec.serviceAccountName).toBe('pay');
    expect(payment.backendName).toBe('pay');
    expect(payment.spiffeId).toBe('spiffe://shop.example/ns/shop/sa/pay');
  });

  test('exceptions from hardening are stated', () => {
    const chart = shopChart();
    service(shopMesh(chart), 'legacy', { security: { writableRootFilesystem: true, runAsUser: 1000 } });
    const { containers: [container], volumes } = emitted(chart, 'Deployment', 'legacy').spec.template.spec;
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: false, runAsUser: 1000, runAsNonRoot: true });
    expect(volumes.map(({ name }: { name: string }) => name)).toEqual(['meshwright-state', 'meshwright-identity']);
  });

  test('what a container says of its proxy stays', () => {
    const chart = shopChart();
    service(shopMesh(chart), 'payment', { env: { NO_PROXY: 'localhost,.internal' } });
    const { env } = emitted(chart, 'Deployment', 'payment').spec.template.spec.containers[0];
    expect(env.filter(({ name }: { name: string }) => name === 'NO_PROXY')).toEqual([{ name: 'NO_PROXY', value: 'localhost,.internal' }]);
  });

  test('regions: bound to them, spread over their zones', () => {
    const chart = shopChart();
    const eu = Region.of('eu-west', { zones: ['eu-west-1a', 'eu-west-1b'] });
    const us = Region.of('us-east', { zones: ['us-east-1a'] });
    service(shopMesh(chart, { regions: [eu, us] }), 'ingest', { regions: [eu, us] });
    const { affinity, topologySpreadConstraints } = emitted(chart, 'Deployment', 'ingest').spec.template.spec;
    expect(yaml({ affinity, topologySpreadConstraints })).toMatchInlineSnapshot(`
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - key: topology.kubernetes.io/region
              operator: In
              values:
                - eu-west
            - key: topology.kubernetes.io/zone
              operator: In
              values:
                - eu-west-1a
                - eu-west-1b
        - matchExpressions:
            - key: topology.kubernetes.io/region
              operator: In
              values:
                - us-east
            - key: topology.kubernetes.io/zone
              operator: In
              values:
                - us-east-1a
topologySpreadConstraints:
  - labelSelector:
      matchLabels:
        mesh.meshwright.dev/service: ingest
        mesh.meshwright.dev/version: base
    maxSkew: 1
    topologyKey: topology.kubernetes.io/region
    whenUnsatisfiable: ScheduleAnyway
  - labelSelector:
      matchLabels:
        mesh.meshwright.dev/service: ingest
        mesh.meshwright.dev/version: base
    maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
`);
    expect(emitted(chart, 'MeshService', 'ingest').spec.regions).toEqual(['eu-west', 'us-east']);
  });

  test('protocols become appProtocol', () => {
    const chart = shopChart();
    service(shopMesh(chart), 'payment', { port: ServicePort.http(9000) });
    expect(emitted(chart, 'Service', 'payment').spec.ports).toEqual([
      { name: 'http', port: 9000, protocol: 'TCP', appProtocol: 'http', targetPort: 15006 },
    ]);
  });
});

describe('calls', () => {
  test('names of services and of versions, each with its own bound', () => {
    const chart = shopChart();
    const mesh = shopMesh(chart);
    const payment = service(mesh, 'payment');
    const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });
    const order = service(mesh, 'order');
    order.calls(payment, { timeout: Timeout.total(Duration.seconds(1)), requestsPerSecond: 20 });
    order.calls(v2);
    payment.calls(order);
    expect(yaml(emitted(chart, 'MeshService', 'order').spec.calls)).toMatchInlineSnapshot(`
- namespace: shop
  service: payment
  timeout:
    total: 1s
- namespace: shop
  service: payment-v2
`);
    expect(emitted(chart, 'MeshService', 'payment').spec.calls).toEqual([{ service: 'order', namespace: 'shop' }]);
  });
});

describe('versions', () => {
  test('a version has pods, Service and budget of its own, and is named in the MeshService', () => {
    const chart = shopChart();
    const payment = service(shopMesh(chart), 'payment', { replicas: 5, env: { LOG: 'json' } });
    payment.addVersion('v2', { image: 'shop/payment:2.0.0' });
    payment.addVersion('v3', { image: 'shop/payment:3.0.0', replicas: 1, env: { LOG: 'text' } });
    expect(emitted(chart, 'MeshService', 'payment').spec.versions).toEqual([{ name: 'v2', service: 'payment-v2' }, { name: 'v3', service: 'payment-v3' }]);
    expect(yaml(emitted(chart, 'Service', 'payment-v2'))).toMatchInlineSnapshot(`
apiVersion: v1
kind: Service
metadata:
  labels:
    app.kubernetes.io/managed-by: meshwright
    app.kubernetes.io/name: payment
    mesh.meshwright.dev/mesh: mesh
    mesh.meshwright.dev/service: payment
    mesh.meshwright.dev/version: v2
  name: payment-v2
  namespace: shop
spec:
  ports:
    - appProtocol: http
      name: http
      port: 8080
      protocol: TCP
      targetPort: 15006
  selector:
    mesh.meshwright.dev/service: payment
    mesh.meshwright.dev/version: v2
  type: ClusterIP
`);
    expect(emitted(chart, 'PodDisruptionBudget', 'payment-v2').spec.selector.matchLabels).toEqual({
      'mesh.meshwright.dev/service': 'payment', 'mesh.meshwright.dev/version': 'v2',
    });
    const [two, three] = ['payment-v2', 'payment-v3'].map((name) => emitted(chart, 'Deployment', name).spec);
    expect([two.replicas, three.replicas]).toEqual([5, 1]);
    expect([two, three].map(({ template }) => template.spec.containers[0].env[0].value)).toEqual(['json', 'text']);
    expect(two.template.spec.serviceAccountName).toBe('payment');
    expect(JSON.parse(two.template.spec.initContainers[0].args[1]).node.metadata).toMatchObject({ service: 'payment', version: 'v2' });
  });
});
