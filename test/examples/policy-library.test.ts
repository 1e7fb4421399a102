import { App, Chart, Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import * as fc from 'fast-check';
import { Mesh, MeshService, ServicePort } from 'meshwright';
import { CapacityBound, GoldResilience, PciService } from '../../examples/policy-library';

function service(policies: MeshService['mesh']['policies']): MeshService {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const payment = new MeshService(chart, 'payment', { mesh, image: 'shop/payment:1', port: ServicePort.http(8080), replicas: 2, policies });
  new MeshService(chart, 'order', { mesh, image: 'shop/order:1', port: ServicePort.http(8080) }).calls(payment);
  return payment;
}
const synth = (payment: MeshService) => (payment.node.root as App).synthYaml();

const resilience = { retries: 3, firstBackoff: Duration.millis(100), failures: 10, cooldown: Duration.seconds(30) };

test('of the total and the time of a try the other follows', () => {
  const within = synth(service([GoldResilience.within(Duration.seconds(2), resilience)]));
  expect(within).toMatch(/timeout:\n {4}perTry: 320ms\n {4}total: 2s/);
  const ofTries = synth(service([GoldResilience.ofTries(Duration.seconds(1), { ...resilience, firstBackoff: Duration.millis(200) })]));
  expect(ofTries).toMatch(/timeout:\n {4}perTry: 1s\n {4}total: 5s400ms/);
  expect(() => GoldResilience.within(Duration.millis(500), resilience)).toThrow('3 retries wait 700 ms, which leaves nothing of 500 ms for a try');
});

test('whatever a team writes, no check has anything against it', () => {
  const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const [some, waits, times] = [fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 500 }), fc.integer({ min: 10, max: 3000 })];
  fc.assert(fc.property(some, waits, times, (retries, first, perTry) => {
    const policy = GoldResilience.ofTries(Duration.millis(perTry), {
      retries, firstBackoff: Duration.millis(first), failures: 50, cooldown: Duration.seconds(5),
    });
    synth(service([policy]));
    expect(said.mock.calls).toEqual([]);
  }), { numRuns: 15 });
  said.mockRestore();
});

test('a limit follows from the pool', () => {
  const bound = new CapacityBound({ callers: 5, maxConnections: 100, maxPendingRequests: 10, latency: Duration.millis(50), replicas: 5 });
  expect(bound.perReplica).toBe(2000);
  expect(synth(service([bound]))).toMatch(/requests: 2000\n/);
});

test('a policy and a property that set the same stop the synth, and both are named', () => {
  expect(() => synth(service([new CapacityBound({ callers: 1, maxConnections: 1, maxPendingRequests: 1, latency: Duration.millis(1), replicas: 1 }),
    new CapacityBound({ callers: 2, maxConnections: 2, maxPendingRequests: 1, latency: Duration.millis(1), replicas: 1 })]))).toThrow(/bulkhead[^]*CapacityBound/);
});

test('a PCI service says what it may not leave out', () => {
  const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
  const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
  const build = (id: string, replicas: number, limit: boolean) => new PciService(chart, id, {
    mesh,
    port: ServicePort.http(8080),
    image: `shop/${id}:1`,
    replicas,
    resources: limit ? { cpu: { limit: Cpu.units(1) }, memory: { limit: Size.gibibytes(1) } } : {},
  });
  build('good', 2, true);
  expect(synth(build('fine', 3, true))).toMatch(/runAsUser: 10001/);
  build('alone', 1, false);
  expect(() => (chart.node.root as App).synthYaml()).toThrow(/shop\/alone: replicas: 1: a PCI service needs at least 2[^]*shop\/alone: resources: a PCI service needs a limit/);
});
