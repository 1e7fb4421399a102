import { App, Chart, Duration, Testing } from 'cdk8s';
import {
  Bulkhead, CircuitBreaker, HashKey, HttpRoute, HttpRule, LoadBalancer, Mesh, MeshService, Rate, RateLimit, Region, Retry, RetryOn, ServicePort,
  Timeout,
} from '../src';
import { warnings } from './program';

/** The program that the whole design aims at. */
function shop(): App {
  const app = new App({ outdir: Testing.app().outdir });
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', {
    trustDomain: 'shop.example',
    regions: [Region.of('eu-west', { geohashes: ['gc', 'u0'] }), Region.of('us-east', { geohashes: ['dr', 'dq'] })],
  });
  const payment = new MeshService(chart, 'payment', {
    mesh,
    image: 'shop/payment:1.4.2',
    port: ServicePort.http(8080),
    replicas: 5,
    timeout: Timeout.total(Duration.seconds(2), { perTry: Duration.millis(320) }),
    retry: Retry.exponential({ attempts: 3, baseInterval: Duration.millis(100), on: [RetryOn.GATEWAY_ERROR, RetryOn.CONNECT_FAILURE] }),
    circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(30) }),
    bulkhead: Bulkhead.of({ maxConnections: 100, maxPendingRequests: 10 }),
    rateLimits: [RateLimit.perReplica(Rate.perSecond(20_000))],
    loadBalancer: LoadBalancer.ringHash(HashKey.header('x-order-id')),
  });
  const order = new MeshService(chart, 'order', { mesh, image: 'shop/order:2.0.0', port: ServicePort.http(8080) });
  order.calls(payment);
  const v2 = payment.addVersion('v2', { image: 'shop/payment:2.0.0' });
  new HttpRoute(chart, 'payment-canary', { service: payment, rules: [HttpRule.canary(v2, 5, { stickyBy: HashKey.header('x-user') })] });
  return app;
}

test('the target program synthesizes, byte for byte the same each time', () => {
  let first = '';
  expect(warnings(() => { first = shop().synthYaml(); })).toMatchInlineSnapshot(`
"warning MW107 shop/payment: circuitBreaker opens after 5 failures, retry makes 4 tries a call: must not open inside the second failing call of one client; write CircuitBreaker.consecutiveFailures(8, …) or more, or fewer retries
meshwright: 0 errors, 1 warning, 0 acknowledged
"
`);
  let second = '';
  warnings(() => { second = shop().synthYaml(); });
  expect(second).toBe(first);
});

test('names of objects depend on no hash and no place in the tree', () => {
  let text = '';
  warnings(() => { text = shop().synthYaml(); });
  const names = [...text.matchAll(/^kind: (\w+)\nmetadata:\n(?: {2}.*\n)*? {2}name: (.+)$/gm)].map(([, kind, name]) => `${kind}/${name}`);
  expect(names).toMatchInlineSnapshot(`
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
  "MeshService/payment",
  "ServiceAccount/payment",
  "NetworkPolicy/payment",
  "Deployment/payment",
  "Service/payment",
  "PodDisruptionBudget/payment",
  "Deployment/payment-v2",
  "Service/payment-v2",
  "PodDisruptionBudget/payment-v2",
  "MeshService/order",
  "ServiceAccount/order",
  "NetworkPolicy/order",
  "Deployment/order",
  "Service/order",
  "PodDisruptionBudget/order",
  "HTTPRoute/payment-canary",
]
`);
});
