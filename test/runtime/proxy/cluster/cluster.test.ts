import * as fc from 'fast-check';
import type { Cluster, Host } from '../../../../runtime/proxy/cluster';
import type { BalancerConfig } from '../../../../runtime/proxy/config/types';
import { addresses, answered, clusterConfig, endpoints, failed, hashOf, locality, made, outlierDetection, seeded } from './support';

const two = endpoints(locality(addresses(2)));

describe('bulkhead', () => {
  test('admits max_requests at once and refuses the next', () => {
    const { cluster } = made({ limits: { ...clusterConfig().limits, maxRequests: 3 } }, two);
    expect([1, 2, 3, 4].map(() => cluster.admit(false))).toEqual([undefined, undefined, undefined, 'requests_overflow']);
    expect(cluster.activeRequests).toBe(3);
    expect(cluster.stats.rqPendingOverflow).toBe(1);
    cluster.finished(undefined, failed('cancelled'), false);
    expect(cluster.admit(false)).toBeUndefined();
  });

  test('those that wait for a connection have a bound of their own', () => {
    const { cluster } = made({ limits: { ...clusterConfig().limits, maxRequests: 3 } }, two);
    for (let i = 0; i < 3; i++) cluster.admit(false);
    cluster.waitBegan();
    cluster.waitBegan();
    expect([1, 2, 3].map(() => cluster.admit(false))).toEqual([undefined, undefined, 'requests_overflow']);
  });

  test('counts requests of a host from its start to its end', () => {
    const { cluster } = made({}, two);
    const host = cluster.hosts()[0]!;
    cluster.admit(false);
    cluster.started(host);
    expect([host.active, cluster.stats.rqTotal]).toEqual([1, 1]);
    cluster.finished(host, answered(200), false);
    expect([host.active, cluster.activeRequests]).toEqual([0, 0]);
  });
});

describe('retries at once', () => {
  const admit = (cluster: Cluster, requests: number, retries: number) => {
    for (let i = 0; i < requests; i++) cluster.admit(i < retries);
  };

  test('max_retries, where there is no budget', () => {
    const { cluster } = made({}, two);
    admit(cluster, 100, 2);
    expect(cluster.mayRetry()).toBe(true);
    admit(cluster, 1, 1);
    expect(cluster.mayRetry()).toBe(false);
    expect(cluster.stats.rqRetry).toBe(3);
    cluster.finished(undefined, failed('cancelled'), true);
    expect(cluster.activeRetries).toBe(2);
    expect(cluster.mayRetry()).toBe(true);
  });

  test('a budget: its percent of what is in flight and waiting, and never fewer than its minimum', () => {
    const budget = (requests: number, retries: number) => {
      const { cluster } = made({ retryBudget: { percent: 20, minConcurrency: 3 } }, two);
      admit(cluster, requests, retries);
      return cluster.mayRetry();
    };
    expect([budget(3, 2), budget(4, 3)]).toEqual([true, false]);
    expect([budget(100, 19), budget(100, 20), budget(104, 20), budget(105, 20)]).toEqual([true, false, false, true]);
  });

  test('under a full outage a budget bounds the load that retries add', () => {
    const { cluster } = made({ retryBudget: { percent: 20, minConcurrency: 3 } }, two);
    for (let request = 0; request < 500; request++) {
      cluster.admit(false);
      if (cluster.mayRetry()) cluster.admit(true);
    }
    expect(cluster.activeRetries / (cluster.activeRequests - cluster.activeRetries)).toBeLessThanOrEqual(0.25);
    expect(cluster.activeRetries).toBeGreaterThan(100);
  });
});

describe('update', () => {
  class Pool {
    drained = 0;
    drain(): void {
      this.drained++;
    }
  }

  test('hosts that stay keep their state and pool, those that leave are drained once', () => {
    const { cluster } = made({}, endpoints(locality(addresses(3))));
    const [first, second, third] = cluster.hosts() as [Host, Host, Host];
    const pools = [first, second, third].map((host) => (host.pool = new Pool()) as Pool);
    cluster.started(second);
    cluster.update(endpoints(locality([{ address: '10.0.0.2', weight: 7 }], { zone: 'b', priority: 1 }), locality(['10.0.0.9'])));
    expect(cluster.hosts().map(({ address }) => address)).toEqual(['10.0.0.9', '10.0.0.2']);
    expect(cluster.hosts()[1]).toBe(second);
    expect(second).toMatchObject({ active: 1, weight: 7, zone: 'b', priority: 1, removed: false, pool: pools[1] });
    expect([first.removed, third.removed]).toEqual([true, true]);
    cluster.update(endpoints(locality(['10.0.0.2'])));
    expect(pools.map(({ drained }) => drained)).toEqual([1, 0, 1]);
  });

  test('one that comes back is a new host; the end of a try at the old one changes nothing of it', () => {
    const { cluster } = made({ outlierDetection: { ...outlierDetection, consecutive5xx: 1 } }, two);
    const old = cluster.hosts()[0]!;
    cluster.admit(false);
    cluster.started(old);
    cluster.update(endpoints(locality(['10.0.0.2'])));
    cluster.update(two);
    const fresh = cluster.hosts()[0]!;
    expect(fresh).not.toBe(old);
    cluster.finished(old, answered(500), false);
    expect([fresh.active, fresh.healthy, old.active]).toEqual([0, true, 0]);
    expect(cluster.stats.outlierEjections).toBe(0);
  });

  test('a new weight of a host that stays is a new share', () => {
    const { cluster } = made({}, two, { random: () => 0 });
    cluster.pick(undefined, undefined, 0);
    cluster.update(endpoints(locality([{ address: '10.0.0.1', weight: 3 }, '10.0.0.2'])));
    const picks = Array.from({ length: 400 }, () => cluster.pick(undefined, undefined, 0)!.address);
    expect(picks.filter((address) => address === '10.0.0.1')).toHaveLength(300);
  });

  test('an address that stands twice counts once, at its highest priority', () => {
    const { cluster } = made({}, endpoints(locality(['10.0.0.1'], { priority: 1 }), locality(['10.0.0.1', '10.0.0.1'], { priority: 0 })));
    expect(cluster.hosts().map(({ priority }) => priority)).toEqual([0]);
  });

  test('a pool that asks for a host while it drains gets one that stays', () => {
    const { cluster } = made({}, two);
    let picked: Host | undefined;
    cluster.hosts()[0]!.pool = { drain: () => { picked = cluster.pick(undefined, undefined, 0); } };
    cluster.update(endpoints(locality(['10.0.0.2'])));
    expect(picked!.address).toBe('10.0.0.2');
  });

  test('close removes and drains all', () => {
    const { cluster } = made({}, two);
    const hosts = cluster.hosts().map((host) => Object.assign(host, { pool: new Pool() }));
    cluster.close();
    expect(hosts.map(({ removed, pool }) => [removed, pool.drained])).toEqual([[true, 1], [true, 1]]);
    expect(cluster.pick(undefined, undefined, 0)).toBeUndefined();
  });
});

describe('reconfigure', () => {
  test('another balancer takes over the same hosts', () => {
    const { cluster } = made({}, two, { random: () => 0 });
    const hosts = [...cluster.hosts()];
    cluster.reconfigure(clusterConfig({ balancer: { kind: 'ring_hash', minimumRingSize: 1024, maximumRingSize: 1 << 20 } }));
    expect(cluster.hosts()).toEqual(hosts);
    const key = hashOf('order-1');
    const picks = Array.from({ length: 10 }, () => cluster.pick(key, undefined, 0));
    expect(new Set(picks).size).toBe(1);
    expect(hosts).toContain(picks[0]);
  });

  test('the same balancer goes on where it was', () => {
    const { cluster } = made({}, two, { random: () => 0 });
    const first = cluster.pick(undefined, undefined, 0);
    cluster.reconfigure(clusterConfig({ connectTimeout: 1, panicThreshold: 10 }));
    expect(cluster.pick(undefined, undefined, 0)).not.toBe(first);
  });
});

/** Random operations beside the plainest model of the same cluster. */
describe('model', () => {
  type Operation =
    | { readonly kind: 'update'; readonly hosts: readonly { readonly id: number; readonly healthy: boolean; readonly priority: number }[] }
    | { readonly kind: 'pick'; readonly key: string; readonly triedIds: readonly number[] }
    | { readonly kind: 'try'; readonly id: number; readonly status: number }
    | { readonly kind: 'wait'; readonly time: number };

  const operation: fc.Arbitrary<Operation> = fc.oneof(
    fc.record({
      kind: fc.constant('update' as const),
      hosts: fc.uniqueArray(fc.record({ id: fc.nat(7), healthy: fc.boolean(), priority: fc.nat(2) }), { selector: ({ id }) => id, maxLength: 6 }),
    }),
    fc.record({ kind: fc.constant('pick' as const), key: fc.string(), triedIds: fc.array(fc.nat(7), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('try' as const), id: fc.nat(7), status: fc.constantFrom(200, 500, 503) }),
    fc.record({ kind: fc.constant('wait' as const), time: fc.constantFrom(1_000, 10_000, 45_000) }),
  );
  const balancer = fc.constantFrom<BalancerConfig>(
    { kind: 'round_robin' }, { kind: 'least_request', choices: 2 }, { kind: 'random' },
    { kind: 'ring_hash', minimumRingSize: 32, maximumRingSize: 1 << 20 },
  );

  interface ModelHost {
    healthy: boolean;
    priority: number;
    failures: number;
    ejectedUntil: number | undefined;
    multiplier: number;
  }

  const address = (id: number) => `10.0.0.${id}`;

  test('picks only what may be picked, ejects and brings back what it should, whatever happens', () => {
    fc.assert(fc.property(balancer, fc.array(operation, { maxLength: 60 }), fc.integer(), (config, operations, seed) => {
      const { cluster, clock } = made({ balancer: config, panicThreshold: 0, outlierDetection }, endpoints(), { random: seeded(seed) });
      const model = new Map<number, ModelHost>();
      const usable = () => [...model].filter(([, host]) => host.healthy && host.ejectedUntil === undefined);
      for (const step of operations) {
        switch (step.kind) {
          case 'update': {
            const before = new Map(model);
            model.clear();
            for (const { id, healthy, priority } of step.hosts) {
              const known = before.get(id) ?? { failures: 0, ejectedUntil: undefined, multiplier: 0 };
              model.set(id, { ...known, healthy, priority });
            }
            cluster.update(endpoints(...step.hosts.map(({ id, healthy, priority }) => locality([{ address: address(id), healthy }], { priority }))));
            break;
          }
          case 'pick': {
            const tried = cluster.hosts().filter((host) => step.triedIds.some((id) => address(id) === host.address));
            const picked = cluster.pick(hashOf(step.key), tried, 2);
            const candidates = usable();
            if (candidates.length === 0) {
              expect(picked).toBeUndefined();
              break;
            }
            const id = [...model.keys()].find((known) => address(known) === picked!.address)!;
            expect(candidates.map(([known]) => known)).toContain(id);
            // Another priority may have been chosen; within it an untried host wins.
            const peers = candidates.filter(([, host]) => host.priority === model.get(id)!.priority);
            if (peers.some(([known]) => !step.triedIds.includes(known))) expect(step.triedIds).not.toContain(id);
            break;
          }
          case 'try': {
            const host = cluster.hosts().find((candidate) => candidate.address === address(step.id));
            const known = model.get(step.id);
            expect(host === undefined).toBe(known === undefined);
            if (!host || !known) break;
            cluster.admit(false);
            cluster.started(host);
            cluster.finished(host, answered(step.status), false, cluster.admission);
            known.failures = step.status >= 500 ? known.failures + 1 : 0;
            if (known.failures >= outlierDetection.consecutive5xx) {
              known.failures = 0;
              if (known.ejectedUntil === undefined) {
                known.multiplier++;
                known.ejectedUntil = clock.now() + known.multiplier * outlierDetection.baseEjectionTime;
              }
            }
            break;
          }
          case 'wait':
            for (let waited = 0; waited < step.time; waited += 1_000) {
              clock.advance(1_000);
              if (clock.now() % outlierDetection.interval !== 0) continue;
              for (const known of model.values()) {
                if (known.ejectedUntil === undefined) {
                  known.multiplier = Math.max(0, known.multiplier - 1);
                } else if (clock.now() >= known.ejectedUntil) {
                  known.ejectedUntil = undefined;
                  known.failures = 0;
                }
              }
            }
            break;
        }
        const expected = [...model].map(([id, host]) => [address(id), host.healthy && host.ejectedUntil === undefined]);
        expect(cluster.hosts().map((host) => [host.address, host.healthy]).sort()).toEqual(expected.sort());
        expect(cluster.activeRequests).toBe(0);
      }
      cluster.close();
      expect(clock.timers).toBe(0);
    }), { numRuns: 300 });
  });
});
