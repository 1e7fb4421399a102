import * as fc from 'fast-check';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { CircuitBreaker, type Breaker } from '../../../../runtime/proxy/cluster/circuit-breaker';
import { SharedResources, Resource } from '../../../../runtime/proxy/cluster/resources';
import { SharedCircuitBreaker } from '../../../../runtime/proxy/cluster/shared-circuit-breaker';
import { ClusterStats } from '../../../../runtime/proxy/cluster/stats';
import type { CircuitBreakerConfig, TokenBucketConfig, ProxySnapshot } from '../../../../runtime/proxy/config/types';
import { SharedTokenBuckets } from '../../../../runtime/proxy/filter/shared-token-bucket';
import { TOLERANCE, TokenBuckets, type Buckets } from '../../../../runtime/proxy/filter/token-bucket';
import { KnownObjects, SnapshotNumbers, SnapshotReader } from '../../../../runtime/proxy/worker/snapshot-wire';

const random = (): number => 0.5;

function memory() {
  const buffers = new Map<string, SharedArrayBuffer>();
  return {
    get: (name: string, bytes: number): SharedArrayBuffer => {
      const known = buffers.get(name) ?? new SharedArrayBuffer(bytes);
      buffers.set(name, known);
      return known;
    },
  };
}

/** Admits as the rate limit does. */
function admits(buckets: Buckets, key: string, now: number): boolean {
  const slot = buckets.slot(key, now);
  return buckets.available(slot) >= 1 - TOLERANCE && buckets.take(slot);
}

describe('token buckets of several workers', () => {
  const config: TokenBucketConfig = { name: 'all', maxTokens: 7, tokensPerFill: 3, fillInterval: 1_000, key: undefined, maxKeys: 1 };

  test('admit exactly what one bucket admits, whichever worker is asked', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(900)), { maxLength: 80 }), (steps) => {
      const shared = memory();
      const workers = [0, 1, 2].map(() => new SharedTokenBuckets(config, shared, 'b', random));
      const one = new TokenBuckets(config, random);
      let now = 0;
      for (const [worker, wait] of steps) {
        now += wait;
        expect(admits(workers[worker], '', now)).toBe(admits(one, '', now));
        expect(workers[worker].available(0)).toBeCloseTo(one.available(one.slot('', now)), 5);
        expect(workers[worker].untilNext(0)).toBeCloseTo(one.untilNext(one.slot('', now)), 2);
      }
    }));
  });

  test('count keys apart, as long as there are no more than they keep', () => {
    const keyed: TokenBucketConfig = { ...config, key: { kind: 'header', name: 'x' }, maxKeys: 4_096 };
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1), fc.string({ maxLength: 3 }), fc.nat(400)), { maxLength: 80 }), (steps) => {
      const shared = memory();
      const workers = [0, 1].map(() => new SharedTokenBuckets(keyed, shared, 'b', random));
      const one = new TokenBuckets(keyed, random);
      let now = 0;
      for (const [worker, key, wait] of steps) {
        now += wait;
        expect(admits(workers[worker], key, now)).toBe(admits(one, key, now));
      }
    }));
  });

  test('a token that is given back can be taken again', () => {
    const buckets = new SharedTokenBuckets({ ...config, maxTokens: 1 }, memory(), 'b', random);
    buckets.slot('', 0);
    expect([buckets.take(0), buckets.take(0)]).toEqual([true, false]);
    buckets.giveBack(0);
    expect([buckets.take(0), buckets.take(0)]).toEqual([true, false]);
  });
});

describe('a circuit breaker of several workers', () => {
  const configs: CircuitBreakerConfig[] = [
    { kind: 'consecutive_failures', failures: 3, cooldown: 5_000 },
    { kind: 'failure_rate', percent: 50, window: 2_000, minRequests: 4, cooldown: 3_000 },
  ];
  const outcomes = ['success', 'failure', 'failure', 'neutral'] as const;
  type Step = readonly [worker: number, wait: number, outcome: number];

  test.each(configs)('does what one does: $kind', (config) => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(1_500), fc.nat(3)), { maxLength: 120 }), (steps: Step[]) => {
      const clock = new VirtualClock();
      const buffer = new SharedArrayBuffer(SharedCircuitBreaker.bytes);
      const counted = [0, 1, 2].map(() => new ClusterStats());
      const workers = counted.map((stats) => new SharedCircuitBreaker(buffer, config, clock, stats, random));
      const stats = new ClusterStats();
      const one = new CircuitBreaker(config, clock, stats, 1);
      const running: (readonly [shared: number, single: number])[] = [];
      const admit = (breaker: Breaker): number | undefined => (breaker.allows() && breaker.admitted() ? breaker.epoch : undefined);
      for (const [worker, wait, outcome] of steps) {
        clock.advance(wait);
        const shared = admit(workers[worker]);
        const single = admit(one);
        expect(shared !== undefined).toBe(single !== undefined);
        if (shared !== undefined && single !== undefined) running.push([shared, single]);
        // Some requests stay under way for a while.
        if (running.length > outcome) {
          const [first, second] = running.shift()!;
          workers[(worker + 1) % 3].finished(first, outcomes[outcome]);
          one.finished(second, outcomes[outcome]);
        }
        expect([workers[0].state, workers[2].retryAfter]).toEqual([one.state, one.retryAfter]);
      }
      const sum = (key: 'breakerOpened' | 'breakerHalfOpened' | 'breakerClosed') => counted.reduce((total, { [key]: value }) => total + value, 0);
      expect([sum('breakerOpened'), sum('breakerHalfOpened'), sum('breakerClosed')]).toEqual([stats.breakerOpened, stats.breakerHalfOpened, stats.breakerClosed]);
    }));
  });
});

test('what a worker has in use is in the sum of all, until it is forgotten', () => {
  const buffer = new SharedArrayBuffer(SharedResources.bytes(2));
  const [one, two] = [0, 1].map((worker) => new SharedResources(buffer, worker));
  one.add(Resource.Requests, 3);
  two.add(Resource.Requests, 2);
  two.add(Resource.Connections, 1);
  expect([one.total(Resource.Requests), two.total(Resource.Requests), two.own(Resource.Requests)]).toEqual([5, 5, 2]);
  SharedResources.forget(buffer, 1);
  expect([one.total(Resource.Requests), one.total(Resource.Connections), two.own(Resource.Requests)]).toEqual([3, 0, 0]);
});

describe('a snapshot on its way to a worker', () => {
  const part = (...entries: [string, object][]) => new Map(entries);
  const make = (routes: [string, object][]): ProxySnapshot => (
    { listeners: part(), routes: part(...routes), clusters: part(), endpoints: part() }) as unknown as ProxySnapshot;

  test('is the same there; what did not change is sent once, and is the same object', () => {
    const numbers = new SnapshotNumbers();
    const known = new KnownObjects();
    const reader = new SnapshotReader();
    const [a, b, c] = [{ name: 'a', match: new Set([1]) }, { name: 'b' }, { name: 'c', bytes: new Uint8Array([1]) }];
    const send = (snapshot: ProxySnapshot, commit = true) => {
      const changes = numbers.changes(snapshot, known);
      const read = reader.read(structuredClone(changes));
      if (commit) {
        known.committed(changes);
        reader.committed(changes);
      }
      expect(read).toEqual(snapshot);
      return { sent: changes.objects.size, read };
    };
    const first = send(make([['x', a], ['y', b]]));
    const second = send(make([['x', a], ['y', c]]));
    expect([first.sent, second.sent]).toEqual([2, 1]);
    expect(second.read.routes.get('x')).toBe(first.read.routes.get('x'));
    // One that is given up leaves what is in force where it was.
    send(make([['z', b]]), false);
    const third = send(make([['x', a], ['y', c], ['z', b]]));
    expect(third.sent).toBe(0);
    expect(third.read.routes.get('x')).toBe(first.read.routes.get('x'));
    expect(send(make([['y', c]])).sent).toBe(0);
    expect(send(make([['x', a]])).sent).toBe(1);
  });
});
