import { judge, summary } from '../../cli/report';
import { percentile, Session } from '../../cli/session';
import { clusterCounts } from '../../runtime/local/traffic';
import type { PodSpec } from '../../runtime/local/types';

const settings = { from: 'storefront', url: 'http://order/orders', method: 'POST', requestsPerSecond: 20, headers: {} };
const pod = { name: 'payment-1' } as PodSpec;

function session(...statuses: number[]): Session {
  const made = new Session([settings], () => 0);
  for (const status of statuses) {
    made.answered({ settings, status, error: status === 0 ? 'socket hang up' : undefined, problem: status === 503 ? 'The breaker is open' : undefined, latency: status / 10 });
  }
  return made;
}

test('a mesh behaved when everything was ready and everything was answered', () => {
  const good = session(200, 201, 308);
  expect(judge(good, true, [], true)).toEqual({ reasons: [] });
  expect(summary(good, [], 15_000, { reasons: [] }, 80).at(-1)).toBe('the mesh behaved');
});

test('what went wrong is said, all of it', () => {
  const bad = session(200, 503, 503, 0, 500);
  bad.heard({ kind: 'exited', pod, process: 'payment', reason: 'exit 1', restartIn: 200 });
  expect(judge(bad, true, [], true).reasons).toEqual([
    'POST http://order/orders from storefront: 4 of 5 failed: 2 × 503 The breaker is open, 1 × no answer: socket hang up, 1 × 500 from the application',
    'processes ended 1 times by themselves',
  ]);
  expect(judge(session(), true, [], true).reasons).toEqual(['POST http://order/orders from storefront: no request was answered']);
  expect(judge(session(), false, [pod], false).reasons).toEqual(['not every pod became ready: payment-1']);
});

test('what somebody broke on purpose is no reason', () => {
  const broken = session(200, 503);
  expect(broken.heard({ kind: 'command', line: 'payment: fail', done: 'done to 6 pods' })).toBe('payment: fail: done to 6 pods');
  expect(judge(broken, true, [], true).reasons).toEqual([]);
});

test('a breaker that changes its state is told once', () => {
  const made = new Session([], () => 0);
  const seen = (state: string) => made.measured({
    at: 0,
    pods: new Map([['order-1', {
      service: 'order',
      clusters: clusterCounts(`meshwright_circuit_breaker_state{envoy_cluster_name="payment.shop:8080",state="${state}"} 1\n`),
    }]]),
  });
  expect(['closed', 'closed', 'open', 'open', 'half_open', 'closed'].flatMap(seen)).toEqual([
    'order → payment: the circuit breaker opened, calls fail at once',
    'order → payment: the circuit breaker lets one request probe',
    'order → payment: the circuit breaker closed again',
  ]);
});

test('what the control plane refuses is told once, and is a reason as long as it lasts', () => {
  const made = session(200);
  const problem = { where: 'shop.yaml:7: MeshService shop/payment', message: 'spec.timeout.total is "soon"' };
  expect(made.refused([problem])).toEqual(['shop.yaml:7: MeshService shop/payment: spec.timeout.total is "soon"']);
  expect(made.refused([problem])).toEqual([]);
  expect(judge(made, true, [], true).reasons).toEqual(['shop.yaml:7: MeshService shop/payment: spec.timeout.total is "soon"']);
  made.refused([]);
  expect(judge(made, true, [], true).reasons).toEqual([]);
});

test('percentiles are values that occurred', () => {
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
  expect(percentile([3, 1, 2], 0.99)).toBe(3);
  expect(percentile([], 0.5)).toBeUndefined();
});
