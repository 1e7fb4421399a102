import * as fc from 'fast-check';
import type { Cluster, TryOutcome } from '../../../../runtime/proxy/cluster';
import { OutcomeWindow } from '../../../../runtime/proxy/cluster/window';
import { addresses, answered, attempt, clusterConfig, endpoints, failed, locality, made } from './support';

const five = { kind: 'consecutive_failures', failures: 5, cooldown: 30_000 } as const;
const rate = { kind: 'failure_rate', percent: 50, window: 10_000, minRequests: 10, cooldown: 15_000 } as const;
const three = endpoints(locality(addresses(3)));

function times(cluster: Cluster, number: number, outcome: TryOutcome): void {
  for (let i = 0; i < number; i++) expect(attempt(cluster, outcome)).toBeUndefined();
}

describe('consecutive failures', () => {
  test('five failures open it, after 30 s exactly one probe passes, its success closes it', () => {
    const { cluster, clock } = made({ breaker: five }, three);
    times(cluster, 5, answered(500));
    expect(cluster.breakerState).toBe('open');
    expect(cluster.breakerRetryAfter).toBe(30_000);
    expect(attempt(cluster, answered(200))).toBe('circuit_open');

    clock.advance(29_999);
    expect(cluster.breakerRetryAfter).toBe(1);
    expect(attempt(cluster, answered(200))).toBe('circuit_open');

    clock.advance(1);
    expect(cluster.admit(false)).toBeUndefined();
    const probe = cluster.admission;
    expect(cluster.breakerState).toBe('half_open');
    expect(cluster.breakerRetryAfter).toBe(0);
    for (let i = 0; i < 10; i++) expect(cluster.admit(false)).toBe('circuit_open');

    const host = cluster.pick(undefined, undefined, 0)!;
    cluster.started(host);
    cluster.finished(host, answered(200), false, probe);
    expect(cluster.breakerState).toBe('closed');
    expect(cluster.breakerRetryAfter).toBeUndefined();
    times(cluster, 4, answered(500));
    expect(cluster.breakerState).toBe('closed');
    expect(cluster.stats).toMatchObject({ breakerOpened: 1, breakerHalfOpened: 1, breakerClosed: 1, rqCircuitOpen: 12 });
    expect(cluster.activeRequests).toBe(0);
  });

  test('a probe that fails opens it for another cooldown', () => {
    const { cluster, clock } = made({ breaker: five }, three);
    times(cluster, 5, failed('connect'));
    clock.advance(30_000);
    times(cluster, 1, answered(503));
    expect(cluster.breakerState).toBe('open');
    expect(cluster.breakerRetryAfter).toBe(30_000);
    expect(attempt(cluster, answered(200))).toBe('circuit_open');
    clock.advance(30_000);
    times(cluster, 1, answered(200));
    expect(cluster.breakerState).toBe('closed');
    expect(cluster.stats).toMatchObject({ breakerOpened: 2, breakerHalfOpened: 2, breakerClosed: 1 });
  });

  test('an answer below 500 begins the count anew; every way to have no answer counts', () => {
    const { cluster } = made({ breaker: five }, three);
    times(cluster, 4, answered(500));
    times(cluster, 1, answered(404));
    for (const failure of ['connect', 'connect_timeout', 'reset', 'per_try_timeout'] as const) times(cluster, 1, failed(failure));
    expect(cluster.breakerState).toBe('closed');
    times(cluster, 1, failed('protocol'));
    expect(cluster.breakerState).toBe('open');
  });

  test('a cancelled request counts for nobody, and as the probe it leaves its place to the next', () => {
    const { cluster, clock } = made({ breaker: five }, three);
    times(cluster, 4, answered(500));
    times(cluster, 3, failed('cancelled'));
    times(cluster, 1, answered(500));
    expect(cluster.breakerState).toBe('open');
    clock.advance(30_000);
    times(cluster, 1, failed('cancelled'));
    expect(cluster.breakerState).toBe('half_open');
    times(cluster, 1, answered(200));
    expect(cluster.breakerState).toBe('closed');
  });

  test('a request for which no host was found says nothing', () => {
    const { cluster, clock } = made({ breaker: five, panicThreshold: 0 }, endpoints(locality(addresses(3, { healthy: 0 }))));
    times(cluster, 20, failed('connect'));
    expect(cluster.breakerState).toBe('closed');
    cluster.update(three);
    times(cluster, 5, failed('connect'));
    cluster.update(endpoints(locality(addresses(3, { healthy: 0 }))));
    clock.advance(30_000);
    times(cluster, 1, failed('connect'));
    expect(cluster.breakerState).toBe('half_open');
  });

  test('requests from before it opened neither close it nor take the place of the probe', () => {
    const { cluster, clock } = made({ breaker: five }, three);
    const host = cluster.hosts()[0]!;
    const start = () => {
      expect(cluster.admit(false)).toBeUndefined();
      cluster.started(host);
      return cluster.admission;
    };
    const [slow, slower] = [start(), start()];
    times(cluster, 5, answered(500));
    cluster.finished(host, answered(200), false, slow);
    expect(cluster.breakerState).toBe('open');
    clock.advance(30_000);
    const probe = start();
    cluster.finished(host, answered(500), false, slower);
    expect(cluster.breakerState).toBe('half_open');
    expect(cluster.admit(false)).toBe('circuit_open');
    cluster.finished(host, answered(200), false, probe);
    expect(cluster.breakerState).toBe('closed');
  });

  test('a probe that the bulkhead refuses was none', () => {
    const { cluster, clock } = made({ breaker: five, limits: { ...clusterConfig().limits, maxRequests: 1 } }, three);
    const host = cluster.hosts()[0]!;
    times(cluster, 4, answered(500));
    expect(cluster.admit(false)).toBeUndefined();
    cluster.started(host);
    const slow = cluster.admission;
    expect(cluster.admit(false)).toBe('requests_overflow');
    cluster.finished(host, answered(500), false, slow);
    expect(cluster.breakerState).toBe('open');
    clock.advance(30_000);
    times(cluster, 1, answered(200));
    expect(cluster.breakerState).toBe('closed');
  });

  test('a probe that hangs does not keep it half open: after another cooldown one more request probes, and the first end counts', () => {
    const { cluster, clock } = made({ breaker: five }, three);
    const host = cluster.hosts()[0]!;
    times(cluster, 5, answered(500));
    clock.advance(30_000);
    cluster.admit(false);
    cluster.started(host);
    const hanging = cluster.admission;
    clock.advance(29_999);
    expect(cluster.admit(false)).toBe('circuit_open');
    clock.advance(1);
    times(cluster, 1, answered(200));
    expect(cluster.breakerState).toBe('closed');
    cluster.finished(host, failed('timeout'), false, hanging);
    times(cluster, 4, answered(500));
    expect(cluster.breakerState).toBe('closed');
  });

  test('it needs no timer', () => {
    const { cluster, clock } = made({ breaker: five }, three);
    times(cluster, 5, answered(500));
    expect(clock.timers).toBe(0);
  });
});

describe('failure rate', () => {
  test('opens at the percentage of the window, not before there are enough requests', () => {
    const { cluster } = made({ breaker: rate }, three);
    times(cluster, 5, answered(200));
    times(cluster, 4, answered(500));
    expect(cluster.breakerState).toBe('closed');
    times(cluster, 1, answered(500));
    expect(cluster.breakerState).toBe('open');
  });

  test('the request that makes them enough may be a success', () => {
    const { cluster } = made({ breaker: rate }, three);
    times(cluster, 9, answered(500));
    times(cluster, 1, answered(200));
    expect(cluster.breakerState).toBe('open');
  });

  test('what is older than the window counts no more', () => {
    const { cluster, clock } = made({ breaker: rate }, three);
    times(cluster, 9, answered(500));
    clock.advance(10_000);
    times(cluster, 9, answered(500));
    expect(cluster.breakerState).toBe('closed');
    clock.advance(4_000);
    times(cluster, 1, answered(500));
    expect(cluster.breakerState).toBe('open');
  });

  test('closed again, it begins with an empty window', () => {
    const { cluster, clock } = made({ breaker: { ...rate, cooldown: 1_000 } }, three);
    times(cluster, 10, answered(500));
    clock.advance(1_000);
    times(cluster, 1, answered(200));
    times(cluster, 9, answered(500));
    expect(cluster.breakerState).toBe('closed');
  });
});

describe('the window', () => {
  test('counts what a list of outcomes counts, to one bucket', () => {
    const step = fc.record({ failure: fc.boolean(), wait: fc.nat(700) });
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), fc.nat(100_000), (steps, start) => {
      let now = start;
      const window = new OutcomeWindow(1000, now);
      const all: { failure: boolean; bucket: number }[] = [];
      for (const { failure, wait } of steps) {
        now += wait;
        window.add(failure, now);
        all.push({ failure, bucket: Math.floor(now / 100) });
        const inside = all.filter(({ bucket }) => bucket > Math.floor(now / 100) - 10);
        expect(window.total).toBe(inside.length);
        expect(window.failurePercent).toBeCloseTo((100 * inside.filter((outcome) => outcome.failure).length) / inside.length);
      }
    }));
  });
});

describe('reconfigure', () => {
  test('the breaker keeps its state where its settings did not change', () => {
    const { cluster, clock } = made({ breaker: five }, three);
    times(cluster, 5, answered(500));
    cluster.reconfigure(clusterConfig({ breaker: { ...five }, connectTimeout: 5 }));
    expect(cluster.breakerState).toBe('open');
    clock.advance(30_000);
    times(cluster, 1, answered(200));
    expect(cluster.breakerState).toBe('closed');
  });

  test('a changed breaker begins closed, and requests of the old one do not count in it', () => {
    const { cluster } = made({ breaker: five }, three);
    const host = cluster.hosts()[0]!;
    const old = [0, 1, 2, 3, 4].map(() => {
      cluster.admit(false);
      cluster.started(host);
      return cluster.admission;
    });
    cluster.reconfigure(clusterConfig({ breaker: { ...five, failures: 2 } }));
    for (const admission of old) cluster.finished(host, answered(500), false, admission);
    expect(cluster.breakerState).toBe('closed');
    times(cluster, 2, answered(500));
    expect(cluster.breakerState).toBe('open');
    cluster.reconfigure(clusterConfig());
    expect(cluster.breakerState).toBeUndefined();
    expect(attempt(cluster, answered(500))).toBeUndefined();
    cluster.reconfigure(clusterConfig({ breaker: five }));
    expect(cluster.breakerState).toBe('closed');
  });
});
