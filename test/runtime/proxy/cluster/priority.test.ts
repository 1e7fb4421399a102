import * as fc from 'fast-check';
import { effectiveLocalityWeight, priorityLoad } from '../../../../runtime/proxy/cluster/priority';
import { addresses, answered, attempt, count, endpoints, hashOf, locality, made, outlierDetection } from './support';

const load = (healthy: readonly number[], panicThreshold = 50) =>
  priorityLoad(healthy.map((percent) => ({ total: 100, healthy: percent })), 140, panicThreshold);

describe('the tables in Envoy\'s documentation', () => {
  // https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority
  test.each([
    [[100, 100], [100, 0]],
    [[72, 100], [100, 0]],
    [[71, 100], [99, 1]],
    [[50, 100], [70, 30]],
    [[25, 100], [35, 65]],
    [[0, 100], [0, 100]],
    [[72, 72], [100, 0]],
    [[71, 71], [99, 1]],
    [[50, 50], [70, 30]],
    [[25, 25], [50, 50]],
    [[100, 100, 100], [100, 0, 0]],
    [[72, 72, 100], [100, 0, 0]],
    [[71, 71, 100], [99, 1, 0]],
    [[50, 50, 100], [70, 30, 0]],
    [[25, 100, 100], [35, 65, 0]],
    [[25, 25, 100], [35, 35, 30]],
  ])('%j percent healthy get %j percent', (healthy, percent) => {
    expect(load(healthy).load).toEqual(percent);
  });

  test('where the document rounds, what rounding leaves goes to the first priority, as in the code', () => {
    // The document says 36, 36, 28.
    expect(load([25, 25, 20], 0).load).toEqual([37, 35, 28]);
    expect(load([0, 25, 20], 0).load).toEqual([0, 56, 44]);
  });

  // …/load_balancing/panic_threshold
  test.each([
    [[72, 100], [false, false]],
    [[25, 100], [false, false]],
    [[0, 100], [false, false]],
    [[72, 72], [false, false]],
    [[50, 60], [false, false]],
    [[25, 25], [true, true]],
    [[5, 65], [true, false]],
  ])('%j percent healthy: in panic %j', (healthy, panic) => {
    expect(load(healthy).panic).toEqual(panic);
  });
});

describe('priorityLoad', () => {
  test('all in panic: by the number of hosts, healthy or not', () => {
    expect(priorityLoad([{ total: 3, healthy: 0 }, { total: 1, healthy: 0 }], 140, 50)).toEqual({ load: [75, 25], panic: [true, true] });
  });

  test('threshold 0 switches panic off, and the first priority answers for nobody', () => {
    expect(load([0, 0], 0)).toEqual({ load: [100, 0], panic: [false, false] });
    expect(load([10, 10], 0)).toEqual({ load: [50, 50], panic: [false, false] });
  });

  test('an empty priority takes nothing', () => {
    expect(priorityLoad([{ total: 0, healthy: 0 }, { total: 4, healthy: 4 }], 140, 50).load).toEqual([0, 100]);
  });

  test('always sums to 100, never gives an empty priority anything while another has hosts', () => {
    const priority = fc.nat(50).chain((total) => fc.record({ total: fc.constant(total), healthy: fc.nat(total) }));
    fc.assert(fc.property(fc.array(priority, { minLength: 1, maxLength: 6 }), fc.integer({ min: 100, max: 300 }), fc.integer({ min: 0, max: 100 }),
      (priorities, factor, panicThreshold) => {
        const result = priorityLoad(priorities, factor, panicThreshold);
        expect(result.load.reduce((sum, percent) => sum + percent, 0)).toBe(100);
        expect(result.load.every((percent) => percent >= 0)).toBe(true);
        if (priorities.some(({ healthy }) => healthy > 0) && !result.panic.some(Boolean)) {
          priorities.forEach(({ healthy }, index) => { if (healthy === 0) expect(result.load[index]).toBe(0); });
        }
      }));
  });

  test('a locality keeps its weight until the overprovisioning is used up', () => {
    expect(effectiveLocalityWeight(10, { total: 10, healthy: 8 }, 140)).toBe(10);
    expect(effectiveLocalityWeight(10, { total: 10, healthy: 5 }, 140)).toBeCloseTo(7);
    expect(effectiveLocalityWeight(10, { total: 0, healthy: 0 }, 140)).toBe(0);
  });
});

describe('a cluster with priorities', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => hashOf(`order-${index}`));
  const shares = (own: number, next: number, change = {}) => {
    const { cluster } = made({ panicThreshold: 0, ...change }, endpoints(
      locality(addresses(10, { healthy: own })),
      locality(addresses(10, { block: 1, healthy: next }), { region: 'us-east', priority: 1 }),
    ));
    const counts = count(20_000, (index) => cluster.pick(keys[index], undefined, 0)!.priority);
    return (counts.get(0) ?? 0) / 200;
  };

  test.each([['round_robin', { kind: 'round_robin' }], ['ring_hash', { kind: 'ring_hash', minimumRingSize: 1024, maximumRingSize: 8_388_608 }]])(
    '%s: the own region first, the next takes over as health goes', (_, balancer) => {
      expect(shares(10, 10, { balancer })).toBe(100);
      expect(shares(8, 10, { balancer })).toBe(100);
      expect(shares(5, 10, { balancer })).toBeGreaterThan(69);
      expect(shares(5, 10, { balancer })).toBeLessThan(71);
      expect(shares(0, 10, { balancer })).toBe(0);
    });

  test('weights that change while a locality is out count when it is back', () => {
    const zones = (weight: number) => endpoints(
      locality([{ address: '10.0.0.1', weight }, '10.0.0.2'], { weight: 1 }), locality(['10.0.1.1'], { zone: 'b', weight: 1 }),
    );
    const { cluster, clock } = made(
      { localityWeighted: true, panicThreshold: 0, outlierDetection: { ...outlierDetection, consecutive5xx: 1 } }, zones(1),
    );
    const picks = () => count(800, () => cluster.pick(undefined, undefined, 0)!.address).get('10.0.0.1');
    expect(picks()).toBe(200);
    for (const address of ['10.0.0.1', '10.0.0.2']) attempt(cluster, answered(500), address);
    cluster.update(zones(3));
    expect(picks()).toBeUndefined();
    clock.advance(30_000);
    expect(picks()).toBe(300);
  });

  test('to the percent', () => {
    let draw = 0;
    const random = () => (draw++ % 100) / 100;
    const { cluster } = made({ panicThreshold: 0, balancer: { kind: 'least_request', choices: 2 } }, endpoints(
      locality([{ address: '10.0.0.1' }, { address: '10.0.0.2', healthy: false }]),
      locality(['10.0.1.1'], { priority: 1 }),
    ), { random });
    expect(count(100, () => cluster.pick(undefined, undefined, 0)!.priority)).toEqual(new Map([[0, 70], [1, 30]]));
  });

  test('panic: unhealthy hosts are picked too, and it is counted', () => {
    const { cluster } = made({}, endpoints(locality(addresses(4, { healthy: 1 }))));
    const counts = count(400, () => cluster.pick(undefined, undefined, 0)!.address);
    expect([...counts.values()]).toEqual([100, 100, 100, 100]);
    expect(cluster.stats.lbHealthyPanic).toBe(400);
  });

  test('without panic nobody is picked where nobody is healthy, and it is counted', () => {
    const { cluster } = made({ panicThreshold: 0 }, endpoints(locality(addresses(4, { healthy: 0 }))));
    expect(cluster.pick(undefined, undefined, 3)).toBeUndefined();
    expect(cluster.stats.rqNoHealthyUpstream).toBe(1);
    expect(made({}, endpoints()).cluster.pick(hashOf('x'), [], 3)).toBeUndefined();
  });

  test('locality weights divide a priority; one without a weight gets nothing then; health lowers a share', () => {
    const zones = (healthy: number) => endpoints(
      locality(addresses(10, { healthy }), { zone: 'a', weight: 3 }),
      locality(addresses(2, { block: 1 }), { zone: 'b', weight: 1 }),
      locality(addresses(2, { block: 2 }), { zone: 'c' }),
    );
    const share = (healthy: number) => {
      const { cluster } = made({ panicThreshold: 0, localityWeighted: true }, zones(healthy));
      return count(4000, () => cluster.pick(undefined, undefined, 0)!.zone);
    };
    expect(share(10)).toEqual(new Map([['a', 3000], ['b', 1000]]));
    // 5 of 10 × 1.4 = 0.7 of the weight 3: 2.1 to 1.
    expect(share(5).get('a')! / 4000).toBeCloseTo(2.1 / 3.1, 2);
    const ring = made(
      { localityWeighted: true, balancer: { kind: 'ring_hash', minimumRingSize: 1024, maximumRingSize: 1 << 20 } }, zones(10),
    ).cluster;
    const onRing = count(20_000, (index) => ring.pick(hashOf(`k${index}`), undefined, 0)!.zone);
    expect(onRing.get('a')! / 20_000).toBeCloseTo(0.75, 1);
    expect(onRing.has('c')).toBe(false);
    const last = made({ panicThreshold: 0, localityWeighted: true }, endpoints(
      locality(addresses(2, { healthy: 0 }), { weight: 1 }), locality(['10.0.2.1'], { zone: 'c' }),
    )).cluster;
    expect(last.pick(undefined, undefined, 0)!.zone).toBe('c');
    const twice = made({ localityWeighted: true }, endpoints(
      locality(['10.0.0.1'], { weight: 1 }), locality(['10.0.1.1'], { zone: 'b', weight: 1 }), locality(['10.0.0.2'], { weight: 3 }),
    )).cluster;
    expect(count(800, () => twice.pick(undefined, undefined, 0)!.address)).toEqual(new Map([['10.0.0.1', 300], ['10.0.0.2', 300], ['10.0.1.1', 200]]));
    const unweighted = made({}, zones(10)).cluster;
    expect(count(1400, () => unweighted.pick(undefined, undefined, 0)!.zone)).toEqual(new Map([['a', 1000], ['b', 200], ['c', 200]]));
  });
});
