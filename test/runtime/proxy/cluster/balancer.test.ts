import * as fc from 'fast-check';
import type { Host } from '../../../../runtime/proxy/cluster';
import { LeastRequestBalancer } from '../../../../runtime/proxy/cluster/balancer/least-request';
import { RandomBalancer } from '../../../../runtime/proxy/cluster/balancer/random';
import { RoundRobinBalancer } from '../../../../runtime/proxy/cluster/balancer/round-robin';
import type { ClusterHost } from '../../../../runtime/proxy/cluster/host';
import type { BalancerConfig } from '../../../../runtime/proxy/config/types';
import { addresses, count, endpoints, hashOf, host, locality, made, seeded } from './support';

const balanced = (weights: readonly number[]) => weights.map((weight, index) => host(`10.0.0.${index}`, weight));

describe('round robin', () => {
  test('equal weights: each host in turn, wherever it starts', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 12 }), fc.integer(), (size, seed) => {
      const hosts = balanced(Array.from({ length: size }, () => 5));
      const balancer = new RoundRobinBalancer(seeded(seed));
      balancer.setHosts(hosts);
      const first = hosts.indexOf(balancer.pick()!);
      for (let i = 1; i < 3 * size; i++) expect(balancer.pick()).toBe(hosts[(first + i) % size]);
    }));
  });

  test('unequal weights: in every cycle of their sum exactly by weight, and never far from it in between', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 10 });
    fc.assert(fc.property(weights, (given) => {
      const hosts = balanced(given);
      const balancer = new RoundRobinBalancer(() => 0);
      balancer.setHosts(hosts);
      const sum = given.reduce((total, weight) => total + weight, 0);
      const counts = new Map<ClusterHost, number>();
      for (let pick = 1; pick <= 3 * sum; pick++) {
        const picked = balancer.pick()!;
        counts.set(picked, (counts.get(picked) ?? 0) + 1);
        hosts.forEach((candidate, index) => {
          const due = (pick * given[index]!) / sum;
          expect(Math.abs((counts.get(candidate) ?? 0) - due)).toBeLessThan(hosts.length);
          if (pick % sum === 0 && new Set(given).size > 1) expect(counts.get(candidate)).toBe(due);
        });
      }
    }), { numRuns: 50 });
  });

  test('picks of a heavy host lie apart', () => {
    const hosts = balanced([5, 1, 1]);
    const balancer = new RoundRobinBalancer(() => 0);
    balancer.setHosts(hosts);
    const picks = Array.from({ length: 14 }, () => hosts.indexOf(balancer.pick()!));
    expect(picks.filter((index) => index === 0)).toHaveLength(10);
    expect(picks.join('')).not.toMatch(/0{6}/);
  });

  test('goes on where it was when hosts come', () => {
    const { cluster } = made({}, endpoints(locality(addresses(4))), { random: () => 0 });
    const picked = () => cluster.pick(undefined, undefined, 0)!.address;
    expect([picked(), picked()]).toEqual(['10.0.0.1', '10.0.0.2']);
    cluster.update(endpoints(locality(addresses(5))));
    expect([picked(), picked(), picked(), picked()]).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.1']);
  });
});

describe('least request', () => {
  test('of two choices takes the one with fewer requests; the choices are never one host twice', () => {
    fc.assert(fc.property(fc.array(fc.nat(100), { minLength: 2, maxLength: 12 }), fc.integer(), (actives, seed) => {
      const hosts = actives.map((active, index) => host(`h${index}`, 1, active));
      const drawn: number[] = [];
      const random = seeded(seed);
      const balancer = new LeastRequestBalancer(2, () => {
        drawn.push(random());
        return drawn[drawn.length - 1]!;
      });
      balancer.setHosts(hosts);
      const picked = balancer.pick(undefined)!;
      const first = Math.floor(drawn[0]! * hosts.length);
      const other = Math.floor(drawn[1]! * (hosts.length - 1));
      const second = other >= first ? other + 1 : other;
      expect(second).not.toBe(first);
      expect(picked.active).toBe(Math.min(actives[first]!, actives[second]!));
      expect([hosts[first], hosts[second]]).toContain(picked);
    }));
  });

  test('with as many choices as hosts the busiest is never taken, and with two hosts always the idler', () => {
    const hosts = [host('a', 1, 4), host('b', 1, 3)];
    const balancer = new LeastRequestBalancer(2, seeded(7));
    balancer.setHosts(hosts);
    expect(count(200, () => balancer.pick(undefined)!.address)).toEqual(new Map([['b', 200]]));
  });

  test('keeps the load even: the busiest host of 10,000 requests is at most a few above the mean', () => {
    const spread = (config: BalancerConfig) => {
      const { cluster } = made({ balancer: config }, endpoints(locality(addresses(100))), { random: seeded(3) });
      for (let i = 0; i < 10_000; i++) cluster.started(cluster.pick(undefined, undefined, 0)!);
      return Math.max(...cluster.hosts().map(({ active }) => active)) - 100;
    };
    expect(spread({ kind: 'least_request', choices: 2 })).toBeLessThanOrEqual(4);
    expect(spread({ kind: 'random' })).toBeGreaterThan(15);
  });

  test('unequal weights: idle hosts in proportion to the weight, a busy one less', () => {
    const hosts = [host('a', 3), host('b', 1)];
    const balancer = new LeastRequestBalancer(2, seeded(5));
    balancer.setHosts(hosts);
    const counts = count(4000, () => balancer.pick(undefined)!.address);
    expect(counts.get('a')! / 4000).toBeCloseTo(0.75, 2);
    hosts[0]!.active = 8;
    const busy = count(4000, () => balancer.pick(undefined)!.address);
    // 3 / 9 against 1 / 1.
    expect(busy.get('a')! / 4000).toBeCloseTo(0.25, 2);
  });
});

describe('random', () => {
  test('in proportion to the weights', () => {
    const balancer = new RandomBalancer(seeded(11));
    balancer.setHosts(balanced([1, 2, 5]));
    const counts = count(80_000, () => balancer.pick()!.weight);
    expect(counts.get(1)! / 80_000).toBeCloseTo(1 / 8, 2);
    expect(counts.get(2)! / 80_000).toBeCloseTo(2 / 8, 2);
    expect(counts.get(5)! / 80_000).toBeCloseTo(5 / 8, 2);
  });
});

const EVERY_BALANCER: BalancerConfig[] = [
  { kind: 'round_robin' }, { kind: 'least_request', choices: 2 }, { kind: 'random' },
  { kind: 'ring_hash', minimumRingSize: 64, maximumRingSize: 8_388_608 },
];

describe.each(EVERY_BALANCER)('$kind', (balancer) => {
  test('a retry goes to a host that was not tried, as long as there is one', () => {
    const few = fc.integer({ min: 1, max: 6 });
    fc.assert(fc.property(few, fc.integer(), fc.boolean(), few, (size, seed, weighted, attempts) => {
      const sketch = addresses(size).map((endpoint, index) => ({ ...endpoint, weight: weighted ? index + 1 : 1 }));
      const { cluster } = made({ balancer }, endpoints(locality(sketch)), { random: seeded(seed) });
      const tried: Host[] = [];
      for (let i = 0; i < size; i++) tried.push(cluster.pick(hashOf('key'), tried, attempts)!);
      expect(new Set(tried).size).toBe(size);
      expect(tried).toContain(cluster.pick(hashOf('key'), tried, attempts));
    }));
  });

  test('without attempts a tried host is as good as another', () => {
    const { cluster } = made({ balancer }, endpoints(locality(addresses(1))));
    const only = cluster.hosts()[0]!;
    expect(cluster.pick(hashOf('key'), [only], 0)).toBe(only);
  });

  test('only healthy hosts, and each of them, are picked', () => {
    const { cluster } = made({ balancer }, endpoints(locality(addresses(6, { healthy: 4 }))));
    const counts = count(2000, (index) => cluster.pick(hashOf(`k${index}`), undefined, 0)!.healthy);
    expect(counts).toEqual(new Map([[true, 2000]]));
    expect(count(2000, (index) => cluster.pick(hashOf(`k${index}`), undefined, 0)!.address).size).toBe(4);
  });
});
