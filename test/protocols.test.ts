import { Chart, Duration } from 'cdk8s';
import { Bulkhead, CircuitBreaker, HashKey, LoadBalancer, OutlierDetection, ServicePort, Timeout } from '../src';
import { emitted, service, shopChart, shopMesh, yaml } from './program';

test.each([
  [ServicePort.http(8080), 'http', 'http'],
  [ServicePort.http2(8080), 'http2', 'kubernetes.io/h2c'],
  [ServicePort.grpc(8080), 'grpc', 'grpc'],
  [ServicePort.tcp(8080), 'tcp', 'tcp'],
])('%s becomes appProtocol (GEP-1911), and the protocol of the MeshService', (port, name, appProtocol) => {
  const chart = shopChart();
  service(shopMesh(chart), 'payment', { port });
  expect(emitted(chart, 'Service', 'payment').spec.ports).toEqual([{ name, port: 8080, protocol: 'TCP', appProtocol, targetPort: 15006 }]);
  expect(emitted(chart, 'MeshService', 'payment').spec.port).toEqual({ number: 8080, protocol: name });
});

test('where it is detected the Service has no appProtocol, and callers reach it as bytes', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart);
  const any = service(mesh, 'any', { port: ServicePort.detect(7000) });
  service(mesh, 'order').calls(any);
  expect(emitted(chart, 'Service', 'any').spec.ports).toEqual([{ name: 'detected', port: 7000, protocol: 'TCP', targetPort: 15006 }]);
  expect(emitted(chart, 'MeshService', 'any').spec).toMatchObject({ port: { number: 7000, protocol: 'tcp', detect: true }, timeout: { idle: '1h' } });
  expect(emitted(chart, 'MeshService', 'order').spec.calls).toEqual([{ service: 'any', namespace: 'shop', localPort: 7000 }]);
});

describe('bytes', () => {
  const environment = (chart: Chart, deployment: string, container: number = 0) => Object.fromEntries(
    emitted(chart, 'Deployment', deployment).spec.template.spec.containers[container].env.map(({ name, value }: any) => [name, value]),
  );

  test('callers reach them at a port of their loopback, and are told where; every version is', () => {
    const chart = shopChart();
    const bank = new Chart(chart, 'bank', { namespace: 'bank' });
    const mesh = shopMesh(chart);
    const order = service(mesh, 'order', { env: { QUEUE_SERVICE_PORT: '1' } });
    order.addVersion('v2', { image: 'shop/order:2.0.0' });
    const ledger = service(shopMesh(bank, { name: 'bank' }), 'ledger-db', { mesh, port: ServicePort.tcp(5432) });
    order.calls(service(mesh, 'orders-db', { port: ServicePort.tcp(5432) }));
    order.calls(service(mesh, 'queue', { port: ServicePort.tcp(5672) }));
    order.calls(ledger, { localPort: 15432 });
    order.calls(service(mesh, 'payment'));
    expect(yaml(emitted(chart, 'MeshService', 'order').spec.calls)).toMatchInlineSnapshot(`
- localPort: 5432
  namespace: shop
  service: orders-db
- localPort: 5672
  namespace: shop
  service: queue
- localPort: 15432
  namespace: bank
  service: ledger-db
- namespace: shop
  service: payment
`);
    const variables = environment(chart, 'order');
    expect(variables).toMatchObject({
      ORDERS_DB_SERVICE_HOST: '127.0.0.1', ORDERS_DB_SERVICE_PORT: '5432', LEDGER_DB_BANK_SERVICE_HOST: '127.0.0.1', LEDGER_DB_BANK_SERVICE_PORT: '15432',
      // What the container says itself stays.
      QUEUE_SERVICE_HOST: '127.0.0.1', QUEUE_SERVICE_PORT: '1',
    });
    expect(Object.keys(variables)).not.toContain('PAYMENT_SERVICE_HOST');
    expect(environment(chart, 'order-v2')).toEqual(variables);
  });

  test('policies of connections, and when an idle connection ends, stand in the manifest', () => {
    const chart = shopChart();
    const mesh = shopMesh(chart);
    service(mesh, 'db', {
      port: ServicePort.tcp(5432),
      replicas: 3,
      timeout: Timeout.connection({ connect: Duration.seconds(1) }),
      bulkhead: Bulkhead.connections(20),
      circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(30) }),
      outlierDetection: OutlierDetection.consecutiveServerErrors(3, { baseEjectionDuration: Duration.seconds(30), maxEjectionPercent: 50 }),
      loadBalancer: LoadBalancer.ringHash(HashKey.sourceIp()),
    });
    service(mesh, 'queue', { port: ServicePort.tcp(5672), timeout: Timeout.connection({ idle: Duration.minutes(5), maxDuration: Duration.hours(1) }) });
    expect(yaml(emitted(chart, 'MeshService', 'db').spec)).toMatchInlineSnapshot(`
bulkhead:
  maxConnections: 20
circuitBreaker:
  consecutiveFailures: 5
  cooldown: 30s
loadBalancer:
  ringHash:
    key:
      sourceIp: {}
    minRingSize: 1024
mesh:
  name: mesh
  namespace: shop
outlierDetection:
  baseEjectionDuration: 30s
  consecutiveServerErrors: 3
  interval: 10s
  maxEjectionDuration: 5m
  maxEjectionPercent: 50
port:
  number: 5432
  protocol: tcp
serviceAccount: db
timeout:
  connect: 1s
  idle: 1h
`);
    expect(emitted(chart, 'MeshService', 'queue').spec.timeout).toEqual({ idle: '5m', maxConnectionDuration: '1h' });
  });

  test('bounds of connections are for requests too', () => {
    const chart = shopChart();
    const mesh = shopMesh(chart);
    service(mesh, 'payment', { timeout: Timeout.total(Duration.seconds(2), { connect: Duration.millis(250), maxConnectionDuration: Duration.minutes(30) }) });
    expect(emitted(chart, 'MeshService', 'payment').spec.timeout).toEqual({ total: '2s', connect: '250ms', maxConnectionDuration: '30m' });
    service(mesh, 'stock', { timeout: Timeout.perTry(Duration.seconds(1), { maxConnectionDuration: Duration.minutes(30) }) });
    expect(emitted(chart, 'MeshService', 'stock').spec.timeout).toEqual({ perTry: '1s', maxConnectionDuration: '30m' });
  });
});
