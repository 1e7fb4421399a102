import { Duration } from 'cdk8s';
import {
  Bulkhead, CircuitBreaker, HashKey, HttpMethod, LoadBalancer, LocalityPolicy, MeshServiceProps, OutlierDetection, Rate, RateLimit, Region,
  Retry, RetryBudget, RetryOn, Timeout,
} from '../src';
import { emitted, service, shopChart, shopMesh, yaml } from './program';

/** The spec of `MeshService/payment` with these properties, without what every service has. */
function traffic(props: Partial<MeshServiceProps>): object {
  const chart = shopChart();
  service(shopMesh(chart), 'payment', props);
  const { mesh, serviceAccount, port, ...spec } = emitted(chart, 'MeshService', 'payment').spec;
  if (props.loadBalancer === undefined) delete spec.loadBalancer;
  return yaml(spec);
}

test('timeouts', () => {
  expect(traffic({ timeout: Timeout.total(Duration.seconds(90), { perTry: Duration.millis(1500) }) })).toMatchInlineSnapshot(`
timeout:
  perTry: 1s500ms
  total: 1m30s
`);
  expect(traffic({ timeout: Timeout.perTry(Duration.millis(200)) })).toMatchInlineSnapshot(`
timeout:
  perTry: 200ms
`);
});

test('retries', () => {
  expect(traffic({
    retry: Retry.exponential({
      attempts: 3,
      baseInterval: Duration.millis(100),
      maxInterval: Duration.millis(400),
      jitterPercent: 25,
      on: [RetryOn.GATEWAY_ERROR, RetryOn.RESET],
      methods: [HttpMethod.GET],
      budget: RetryBudget.of(20, 3),
    }),
  })).toMatchInlineSnapshot(`
retry:
  attempts: 3
  backoff:
    baseInterval: 100ms
    jitterPercent: 25
    maxInterval: 400ms
  budget:
    minConcurrency: 3
    percent: 20
  methods:
    - GET
  retryOn:
    - gateway-error
    - reset
`);
  expect(traffic({ retry: Retry.constant(Duration.millis(50), { attempts: 1, on: [RetryOn.CONNECT_FAILURE] }) })).toMatchInlineSnapshot(`
retry:
  attempts: 1
  backoff:
    baseInterval: 50ms
    jitterPercent: 0
    maxInterval: 50ms
  methods:
    - GET
    - HEAD
    - OPTIONS
    - TRACE
    - PUT
    - DELETE
  retryOn:
    - connect-failure
`);
});

test('circuit breakers', () => {
  expect(traffic({ circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(30) }) })).toMatchInlineSnapshot(`
circuitBreaker:
  consecutiveFailures: 5
  cooldown: 30s
`);
  expect(traffic({
    circuitBreaker: CircuitBreaker.failureRate(50, { cooldown: Duration.seconds(15), window: Duration.seconds(10), minRequests: 20 }),
  })).toMatchInlineSnapshot(`
circuitBreaker:
  cooldown: 15s
  failureRate:
    minRequests: 20
    percent: 50
    window: 10s
`);
});

test('outlier detection, with its defaults written out', () => {
  expect(traffic({
    outlierDetection: OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: Duration.seconds(30), maxEjectionPercent: 50 }),
  })).toMatchInlineSnapshot(`
outlierDetection:
  baseEjectionDuration: 30s
  consecutiveServerErrors: 5
  interval: 10s
  maxEjectionDuration: 5m
  maxEjectionPercent: 50
`);
  expect(traffic({
    outlierDetection: OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: Duration.minutes(10), maxEjectionPercent: 50 }),
  })).toMatchInlineSnapshot(`
outlierDetection:
  baseEjectionDuration: 10m
  consecutiveServerErrors: 5
  interval: 10s
  maxEjectionDuration: 10m
  maxEjectionPercent: 50
`);
});

test('bulkhead and rate limits', () => {
  expect(traffic({ bulkhead: Bulkhead.of({ maxConnections: 100, maxPendingRequests: 10 }) })).toMatchInlineSnapshot(`
bulkhead:
  maxConnections: 100
  maxPendingRequests: 10
`);
  expect(traffic({
    rateLimits: [RateLimit.perReplica(Rate.perSecond(20_000)), RateLimit.perReplica(Rate.perMinute(600_000), { name: 'by-minute', burst: 100 })],
  })).toMatchInlineSnapshot(`
rateLimits:
  - burst: 0
    interval: 1s
    name: 20000-per-second
    requests: 20000
  - burst: 100
    interval: 1m
    name: by-minute
    requests: 600000
`);
});

test('load balancers', () => {
  expect(traffic({ loadBalancer: LoadBalancer.roundRobin() })).toMatchInlineSnapshot(`
loadBalancer:
  roundRobin: {}
`);
  expect(traffic({ loadBalancer: LoadBalancer.leastRequest(3) })).toMatchInlineSnapshot(`
loadBalancer:
  leastRequest:
    choices: 3
`);
  expect(traffic({ loadBalancer: LoadBalancer.ringHash(HashKey.header('X-Order-Id')) })).toMatchInlineSnapshot(`
loadBalancer:
  ringHash:
    key:
      header: x-order-id
    minRingSize: 1024
`);
  const cookie = HashKey.cookie('session', { ttl: Duration.hours(1) });
  expect(traffic({ loadBalancer: LoadBalancer.ringHash(cookie, { minRingSize: 4096 }) })).toMatchInlineSnapshot(`
loadBalancer:
  ringHash:
    key:
      cookie:
        name: session
        ttl: 1h
    minRingSize: 4096
`);
  expect(traffic({ loadBalancer: LoadBalancer.ringHash(HashKey.queryParam('user')) })).toMatchInlineSnapshot(`
loadBalancer:
  ringHash:
    key:
      queryParam: user
    minRingSize: 1024
`);
  expect(traffic({ loadBalancer: LoadBalancer.ringHash(HashKey.sourceIp()) })).toMatchInlineSnapshot(`
loadBalancer:
  ringHash:
    key:
      sourceIp: {}
    minRingSize: 1024
`);
});

test('localities', () => {
  const chart = shopChart();
  const eu = Region.of('eu-west', { zones: ['a'], geohashes: ['u'] });
  const us = Region.of('us-east', { zones: ['b'], geohashes: ['d'] });
  const mesh = shopMesh(chart, { regions: [eu, us] });
  const outlierDetection = OutlierDetection.consecutiveServerErrors(5, { baseEjectionDuration: Duration.seconds(30), maxEjectionPercent: 50 });
  const regions = [eu, us];
  service(mesh, 'near', { regions, outlierDetection, locality: LocalityPolicy.preferLocal({ healthyPercent: 70, failover: [eu, us] }) });
  service(mesh, 'hashed', { regions, outlierDetection, locality: LocalityPolicy.geohash('X-Geohash', { healthyPercent: 50, failover: [us] }) });
  expect(yaml(emitted(chart, 'MeshService', 'near').spec.locality)).toMatchInlineSnapshot(`
preferLocal:
  failover:
    - eu-west
    - us-east
  healthyPercent: 70
`);
  expect(yaml(emitted(chart, 'MeshService', 'hashed').spec.locality)).toMatchInlineSnapshot(`
geohash:
  failover:
    - us-east
  header: x-geohash
  healthyPercent: 50
`);
});
