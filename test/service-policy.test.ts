import { Duration, Testing } from 'cdk8s';
import { Construct } from 'constructs';
import {
  Bulkhead, CircuitBreaker, IServicePolicy, MeshService, MeshServiceProps, Retry, RetryOn, ServicePolicy, ServicePort, Timeout, TrafficPolicy,
} from '../src';
import { emitted, refusal, service, shopChart, shopMesh, warnings } from './program';

/** What a policy team publishes: a class that knows nothing of the services it is for. */
class Gold implements IServicePolicy {
  public readonly asked: string[] = [];

  public policyName(): string {
    return 'gold';
  }

  public policyFor(target: MeshService): TrafficPolicy {
    this.asked.push(`${target.backendNamespace}/${target.backendName}:${target.port.number} of ${target.mesh.meshName}`);
    return {
      timeout: Timeout.total(Duration.seconds(2), { perTry: Duration.millis(400) }),
      retry: Retry.constant(Duration.millis(100), { attempts: 2, on: [RetryOn.CONNECT_FAILURE] }),
    };
  }
}

/** And a service of theirs, with a policy that its users cannot take out. */
class PciService extends MeshService {
  public constructor(scope: Construct, id: string, props: MeshServiceProps) {
    super(scope, id, props);
    this.applyPolicy(ServicePolicy.of('pci', { circuitBreaker: CircuitBreaker.consecutiveFailures(9, { cooldown: Duration.seconds(30) }) }));
  }
}

test('a policy of the mesh, one of the properties and one of the class make one document', () => {
  const chart = shopChart();
  const gold = new Gold();
  const mesh = shopMesh(chart, { policies: [gold] });
  const bounded = ServicePolicy.of('bounded', { bulkhead: Bulkhead.of({ maxConnections: 10, maxPendingRequests: 1 }) });
  new PciService(chart, 'payment', { mesh, image: 'shop/payment:1', port: ServicePort.http(8080), policies: [bounded] });
  service(mesh, 'order');
  const { spec } = emitted(chart, 'MeshService', 'payment');
  expect(Object.keys(spec)).toEqual(['bulkhead', 'circuitBreaker', 'loadBalancer', 'mesh', 'port', 'retry', 'serviceAccount', 'timeout']);
  expect(emitted(chart, 'MeshService', 'order').spec.timeout).toEqual({ total: '2s', perTry: '400ms' });
  expect(gold.asked).toEqual(['shop/payment:8080 of mesh', 'shop/order:8080 of mesh']);
});

test('a field has one source: policy and property, mesh and service, class and user', () => {
  const chart = shopChart();
  const mesh = shopMesh(chart, { policies: [new Gold()] });
  service(mesh, 'order', { timeout: Timeout.perTry(Duration.seconds(1)) });
  const silver = ServicePolicy.of('silver', { circuitBreaker: CircuitBreaker.consecutiveFailures(9, { cooldown: Duration.seconds(1) }) });
  new PciService(chart, 'payment', { mesh, image: 'shop/payment:1', port: ServicePort.http(8080), policies: [silver] });
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/order] MW002 shop/order: timeout: set by its own properties and by policy "gold": a field has one source, nothing is merged or overridden; take timeout out of one of the two
[shop/payment] MW002 shop/payment: circuitBreaker: set by policy "silver" and by policy "pci": a field has one source, nothing is merged or overridden; take circuitBreaker out of one of the two
[shop/payment] meshwright: 2 errors, 0 warnings, 0 acknowledged"
`);
});

test('what a policy sets wrongly is told of each service that uses it, the policy itself throws nothing', () => {
  const chart = shopChart();
  const broken = ServicePolicy.of('broken', { bulkhead: Bulkhead.of({ maxConnections: 0, maxPendingRequests: -1 }) });
  const mesh = shopMesh(chart);
  service(mesh, 'order').applyPolicy(broken);
  service(mesh, 'payment').applyPolicy(broken);
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/order] MW001 shop/order: bulkhead.maxConnections: 0: must be at least 1; write maxConnections: 100
[shop/order] MW001 shop/order: bulkhead.maxPendingRequests: -1: must be at least 0; write maxPendingRequests: 10; 0 lets no request wait
[shop/payment] MW001 shop/payment: bulkhead.maxConnections: 0: must be at least 1; write maxConnections: 100
[shop/payment] MW001 shop/payment: bulkhead.maxPendingRequests: -1: must be at least 0; write maxPendingRequests: 10; 0 lets no request wait
[shop/payment] meshwright: 4 errors, 0 warnings, 0 acknowledged"
`);
});

test('a policy that answers nothing, or what is no field, is told of with its name', () => {
  const chart = shopChart();
  const answers = (name: string, answer: unknown): IServicePolicy => ({ policyName: () => name, policyFor: () => answer as TrafficPolicy });
  service(shopMesh(chart), 'order', { policies: [answers('empty', undefined), answers('typo', { timout: 1, retries: 2 }), answers('none', {})] });
  expect(refusal(chart)).toMatchInlineSnapshot(`
"[shop/order] MW001 shop/order: policy "empty": policyFor: nothing: must return a TrafficPolicy; return {} where it sets nothing
[shop/order] MW001 shop/order: policy "typo": retries: must be one of timeout, retry, circuitBreaker, outlierDetection, bulkhead, rateLimits, loadBalancer, locality, compression, digest, sizeLimits, authentication, healthCheck, faults; correct the name, or take it out
[shop/order] MW001 shop/order: policy "typo": timout: must be one of timeout, retry, circuitBreaker, outlierDetection, bulkhead, rateLimits, loadBalancer, locality, compression, digest, sizeLimits, authentication, healthCheck, faults; correct the name, or take it out
[shop/order] meshwright: 3 errors, 0 warnings, 0 acknowledged"
`);
});

test('what a policy throws says of which service and policy, and keeps its cause', () => {
  const cause = new Error('no tier in the labels of order');
  const tiers: IServicePolicy = { policyName: () => 'tiers', policyFor: () => { throw cause; } };
  const made = (): unknown => service(shopMesh(shopChart()), 'order', { policies: [tiers] });
  expect(made).toThrow(expect.objectContaining({ message: 'shop/order: policy "tiers": policyFor: no tier in the labels of order', cause }));
});

test('an untouched program is silent', () => {
  const chart = shopChart();
  service(shopMesh(chart, { policies: [new Gold()] }), 'payment', { replicas: 2 });
  expect(warnings(() => Testing.synth(chart))).toBe('');
});
