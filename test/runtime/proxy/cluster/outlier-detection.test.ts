import type { Cluster, TryOutcome } from '../../../../runtime/proxy/cluster';
import type { OutlierDetectionConfig } from '../../../../runtime/proxy/config/types';
import { addresses, answered, attempt, clusterConfig, endpoints, failed, locality, made, outlierDetection } from './support';

const FIRST = '10.0.0.1';
const start = (change: Partial<OutlierDetectionConfig> = {}, count = 5) =>
  made({ outlierDetection: { ...outlierDetection, ...change } }, endpoints(locality(addresses(count))));

function at(cluster: Cluster, outcome: TryOutcome, times = 1, address = FIRST): void {
  for (let i = 0; i < times; i++) attempt(cluster, outcome, address);
}

function healthy(cluster: Cluster): string {
  return cluster.hosts().map((host) => (host.healthy ? '+' : '-')).join('');
}

describe('what ejects', () => {
  test('consecutive 5xx, whatever other hosts answer', () => {
    const { cluster } = start();
    at(cluster, answered(500), 2);
    at(cluster, answered(200), 5, '10.0.0.2');
    at(cluster, answered(404));
    at(cluster, answered(500), 2);
    expect(healthy(cluster)).toBe('+++++');
    at(cluster, answered(500));
    expect(healthy(cluster)).toBe('-++++');
    expect(cluster.stats.outlierEjections).toBe(1);
  });

  test('consecutive gateway failures, which another 5xx interrupts', () => {
    const { cluster } = start({ consecutive5xx: 0, consecutiveGatewayFailure: 3 });
    at(cluster, answered(503), 2);
    at(cluster, answered(500), 5);
    at(cluster, answered(502), 2);
    at(cluster, answered(505));
    at(cluster, answered(502), 2);
    expect(healthy(cluster)).toBe('+++++');
    at(cluster, answered(504));
    expect(healthy(cluster)).toBe('-++++');
  });

  test.each(['connect', 'connect_timeout', 'reset', 'per_try_timeout', 'timeout', 'protocol'] as const)(
    'without the split, %s is the 503 or 504 that it becomes', (failure) => {
      const { cluster } = start();
      at(cluster, answered(500), 2);
      at(cluster, failed(failure));
      expect(healthy(cluster)).toBe('-++++');
      const gateway = start({ consecutive5xx: 0, consecutiveGatewayFailure: 2 }).cluster;
      at(gateway, failed(failure), 2);
      expect(healthy(gateway)).toBe('-++++');
    });

  test('with the split, failures of local origin count apart, and an answer of any status ends their row', () => {
    const split = { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 3 };
    const { cluster } = start(split);
    at(cluster, failed('connect'), 2);
    at(cluster, answered(500), 2);
    at(cluster, failed('per_try_timeout'), 2);
    expect(healthy(cluster)).toBe('+++++');
    at(cluster, failed('reset'));
    expect(healthy(cluster)).toBe('-++++');
    const external = start(split).cluster;
    at(external, answered(500), 2);
    at(external, failed('connect'), 2);
    at(external, answered(500));
    expect(healthy(external)).toBe('-++++');
  });

  test('a cancelled request counts for nobody, a detector of 0 is off', () => {
    const { cluster, clock } = start({ consecutive5xx: 0 });
    at(cluster, answered(500), 20);
    at(cluster, failed('connect'), 20);
    expect(healthy(cluster)).toBe('+++++');
    expect(clock.timers).toBe(0);
    const other = start().cluster;
    at(other, failed('cancelled'), 20);
    expect(healthy(other)).toBe('+++++');
  });
});

describe('how many', () => {
  test('no more than the percentage, counted with the one that is about to go', () => {
    const { cluster } = start({ maxEjectionPercent: 40 });
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) at(cluster, answered(500), 3, address);
    expect(healthy(cluster)).toBe('--+++');
    expect(cluster.stats.outlierEjections).toBe(2);
  });

  test('the first is ejected against the percentage only where that is asked for', () => {
    const never = start({ maxEjectionPercent: 10 }).cluster;
    at(never, answered(500), 9);
    expect(healthy(never)).toBe('+++++');
    const always = start({ maxEjectionPercent: 10, alwaysEjectOneHost: true }).cluster;
    at(always, answered(500), 3);
    at(always, answered(500), 3, '10.0.0.2');
    expect(healthy(always)).toBe('-++++');
  });

  test('a host that leaves makes room', () => {
    const { cluster } = start({ maxEjectionPercent: 25 });
    at(cluster, answered(500), 3);
    cluster.update(endpoints(locality(addresses(5).slice(1))));
    at(cluster, answered(500), 3, '10.0.0.2');
    expect(healthy(cluster)).toBe('-+++');
  });
});

describe('for how long', () => {
  test('base × ejections, until the sweep after that; the multiplier falls with every sweep that finds the host in', () => {
    const { cluster, clock } = start();
    clock.advance(4_000);
    at(cluster, answered(500), 3);
    // 30 s are over at 34 s, the sweep after that is at 40 s.
    clock.advance(35_999);
    expect(healthy(cluster)).toBe('-++++');
    clock.advance(1);
    expect(healthy(cluster)).toBe('+++++');

    // Out again at once: 2 × 30 s, so in again at 100 s.
    at(cluster, answered(500), 3);
    clock.advance(59_999);
    expect(healthy(cluster)).toBe('-++++');
    clock.advance(1);
    expect(healthy(cluster)).toBe('+++++');

    // One sweep takes one off: from 110 s again 2 × 30 s.
    clock.advance(10_000);
    at(cluster, answered(500), 3);
    clock.advance(59_999);
    expect(healthy(cluster)).toBe('-++++');
    clock.advance(1);
    expect(healthy(cluster)).toBe('+++++');

    // Long well: as if nothing had been.
    clock.advance(100_000);
    expect(clock.timers).toBe(0);
    at(cluster, answered(500), 3);
    clock.advance(30_000);
    expect(healthy(cluster)).toBe('+++++');
  });

  test('never longer than the maximum', () => {
    const { cluster, clock } = start({ maxEjectionTime: 50_000, baseEjectionTime: 20_000 });
    const out = () => {
      const from = clock.now();
      at(cluster, answered(500), 3);
      while (!cluster.hosts()[0]!.healthy) clock.advance(clock.untilNext()!);
      return clock.now() - from;
    };
    expect([out(), out(), out(), out(), out()]).toEqual([20_000, 40_000, 50_000, 50_000, 50_000]);
  });

  test('what is above the maximum is not held against it for longer than the maximum takes to wear off', () => {
    const { cluster, clock } = start({ maxEjectionTime: 60_000 });
    for (let ejection = 0; ejection < 20; ejection++) {
      at(cluster, answered(500), 3);
      while (!cluster.hosts()[0]!.healthy) clock.advance(clock.untilNext()!);
    }
    // 3 × 30 s were counted at most: three sweeps take that off.
    clock.advance(30_000);
    expect(clock.timers).toBe(0);
  });

  test('back in, it begins to count anew, and gets requests again', () => {
    const { cluster, clock } = start();
    at(cluster, answered(500), 3);
    const picked = () => new Set(Array.from({ length: 10 }, () => cluster.pick(undefined, undefined, 0)!.address));
    expect(picked().has(FIRST)).toBe(false);
    at(cluster, answered(500), 2);
    clock.advance(30_000);
    expect(picked().has(FIRST)).toBe(true);
    at(cluster, answered(500), 2);
    expect(healthy(cluster)).toBe('+++++');
  });
});

describe('changes', () => {
  test('an ejection stays over new endpoints and new settings, and ends with the detection', () => {
    const { cluster, clock } = start();
    at(cluster, answered(500), 3);
    cluster.update(endpoints(locality(addresses(6))));
    expect(healthy(cluster)).toBe('-+++++');
    cluster.reconfigure(clusterConfig({ outlierDetection: { ...outlierDetection, baseEjectionTime: 5_000 } }));
    expect(healthy(cluster)).toBe('-+++++');
    clock.advance(10_000);
    expect(healthy(cluster)).toBe('++++++');
    at(cluster, answered(500), 3);
    cluster.reconfigure(clusterConfig());
    expect(healthy(cluster)).toBe('++++++');
    expect(clock.timers).toBe(0);
    at(cluster, answered(500), 10);
    expect(healthy(cluster)).toBe('++++++');
    cluster.reconfigure(clusterConfig({ outlierDetection }));
    at(cluster, answered(500), 3);
    expect(healthy(cluster)).toBe('-+++++');
  });

  test('a host that EDS calls unhealthy does not become healthy by coming back', () => {
    const { cluster, clock } = start();
    at(cluster, answered(500), 3);
    cluster.update(endpoints(locality(addresses(5).map((endpoint, index) => ({ ...endpoint, healthy: index > 0 })))));
    clock.advance(60_000);
    expect(healthy(cluster)).toBe('-++++');
    cluster.update(endpoints(locality(addresses(5))));
    expect(healthy(cluster)).toBe('+++++');
  });

  test('close leaves no timer', () => {
    const { cluster, clock } = start();
    at(cluster, answered(500), 3);
    expect(clock.timers).toBe(1);
    cluster.close();
    expect(clock.timers).toBe(0);
    expect(cluster.hosts()).toEqual([]);
  });
});
