import { Chart, Duration } from 'cdk8s';
import type { Construct } from 'constructs';
import {
  Bulkhead, CircuitBreaker, HashKey, HttpMethod, LoadBalancer, Mesh, MeshService, Rate, RateLimit, Retry, RetryOn, ServicePort, Timeout,
  type MeshServiceProps,
} from 'meshwright';

const ON_FAILURE = [RetryOn.GATEWAY_ERROR, RetryOn.CONNECT_FAILURE];

/**
 * The three meshes with the numbers as they were published, conflicts and all. It does not synthesize, and that is what it shows: each conflict is a
 * finding that names the construct, the sum that does not work out, and what to write instead. The examples beside it resolve them.
 */
export class PublishedNumbers extends Chart {
  constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: 'published' });
    const mesh = new Mesh(this, 'mesh', { trustDomain: 'published.example' });
    const service = (name: string, props: Partial<MeshServiceProps>) => new MeshService(this, name, {
      mesh, port: ServicePort.http(8080), image: `published/${name}:1.0.0`, ...props,
    });

    const payment = service('payment', {
      replicas: 5,
      expectedLatency: Duration.millis(50),
      // 4 × 500 ms and 700 ms of waits are 2.7 s.
      timeout: Timeout.total(Duration.seconds(2), { perTry: Duration.millis(500) }),
      retry: Retry.exponential({
        // Nothing says that a payment may be made twice.
        attempts: 3, baseInterval: Duration.millis(100), on: ON_FAILURE, methods: [HttpMethod.GET, HttpMethod.POST],
      }),
      // Opens in the second failing call.
      circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(30) }),
      // Five callers × 100 connections ÷ 50 ms are 10,000 a second, not 100,000.
      bulkhead: Bulkhead.of({ maxConnections: 100, maxPendingRequests: 10 }),
      rateLimits: [RateLimit.perReplica(Rate.perSecond(20_000))],
      loadBalancer: LoadBalancer.ringHash(HashKey.header('x-order-id')),
    });
    service('order', { replicas: 5 }).calls(payment);

    const ledger = service('ledger', {
      // 1.4 s of waits in one second.
      timeout: Timeout.total(Duration.seconds(1)),
      retry: Retry.exponential({ attempts: 3, baseInterval: Duration.millis(200), on: ON_FAILURE }),
      circuitBreaker: CircuitBreaker.consecutiveFailures(5, { cooldown: Duration.seconds(60) }),
    });
    service('transaction', {}).calls(ledger);

    const analytics = service('analytics', {});
    const ingest = service('ingest', {
      // 350 ms of waits in 200 ms.
      timeout: Timeout.total(Duration.millis(200)),
      retry: Retry.exponential({ attempts: 3, baseInterval: Duration.millis(50), on: ON_FAILURE }),
      circuitBreaker: CircuitBreaker.consecutiveFailures(10, { cooldown: Duration.seconds(15) }),
    });
    ingest.calls(analytics);
    service('gateway', {}).calls(ingest);
  }
}
