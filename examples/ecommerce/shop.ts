import { Chart, Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import {
  AccessLog, HashKey, HttpFilter, HttpMethod, HttpRoute, HttpRule, LoadBalancer, Mesh, MeshService, ServicePort, StringMatch,
} from 'meshwright';
import { CapacityBound, GoldResilience, PciService } from '../policy-library';

/**
 * The shop: storefront → order → payment and inventory. 100,000 orders a day are about one a second, ten at the busiest hour.
 *
 * The numbers that the design was published with conflict in three places. What stands here, and why:
 *
 * - *500 ms a try, 2 s in all, 3 retries with 100, 200, 400 ms between them*: four tries and their waits take 2.7 s. The two seconds are what a
 *   customer waits, so they stay; what the waits leave is 320 ms a try, still six times the p99 objective of 50 ms.
 * - *100,000 requests a second* over the published pool: two order pods with 100 connections each and 50 ms an answer carry 4,000 a second (Little's
 *   law). The pool stays, and the limit says what it carries: 800 for each of the five replicas. It is 400 times the busiest hour.
 * - *A breaker at 5 with 3 retries* opens in the second failing call. It stays: when five tries in a row fail although `outlierDetection` has put the
 *   bad pods aside, the payment provider behind all of them is down, and a customer is better told at once. See `acknowledge` below.
 */
export class Shop extends Chart {
  readonly mesh: Mesh;
  readonly storefront: MeshService;
  readonly order: MeshService;
  readonly payment: MeshService;
  readonly inventory: MeshService;

  constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: 'shop' });
    const port = ServicePort.http(8080);
    const mesh = this.mesh = new Mesh(this, 'mesh', { trustDomain: 'shop.example', accessLog: AccessLog.stdout(10) });

    const paymentReplicas = 5;
    const orderReplicas = 2;
    const latency = Duration.millis(50);
    this.payment = new PciService(this, 'payment', {
      mesh,
      port,
      image: 'shop/payment:1.4.2',
      replicas: paymentReplicas,
      resources: {
        cpu: { request: Cpu.units(4), limit: Cpu.units(4) },
        memory: { request: Size.gibibytes(8), limit: Size.gibibytes(8) },
      },
      expectedLatency: latency,
      // A payment carries its order's id as Idempotency-Key, and the service pays a key once: the same POST a second time is harmless.
      idempotentMethods: [HttpMethod.POST],
      policies: [
        GoldResilience.within(Duration.seconds(2), {
          retries: 3,
          firstBackoff: Duration.millis(100),
          failures: 5,
          cooldown: Duration.seconds(30),
          methods: [HttpMethod.GET, HttpMethod.POST],
        }),
        new CapacityBound({ callers: orderReplicas, maxConnections: 100, maxPendingRequests: 10, latency, replicas: paymentReplicas }),
      ],
      // The payments of one order meet in one replica, where its idempotency keys are. (Those of one customer do while the canary is sticky.)
      loadBalancer: LoadBalancer.ringHash(HashKey.header('x-order-id')),
    });
    this.payment.acknowledge('MW107', 'a call is retried on other pods; when five tries fail, the payment provider behind all of them is down, and '
      + 'customers are better told at once');
    // One in twenty customers pays by the new version, and a customer always by the same.
    const next = this.payment.addVersion('v2', { image: 'shop/payment:2.0.0', replicas: 1 });
    next.service.acknowledge('MW120', 'one pod is enough for a twentieth of the traffic, and the breaker spares it when it fails');
    new HttpRoute(this, 'payment-canary', {
      service: this.payment,
      rules: [
        HttpRule.forward(next, { name: 'testers', matches: [{ headers: { 'x-canary': StringMatch.exact('always') } }] }),
        HttpRule.canary(next, 5, { name: 'canary', stickyBy: HashKey.header('x-user') }),
      ],
    });

    this.inventory = new MeshService(this, 'inventory', {
      mesh,
      port: ServicePort.grpc(9090),
      image: 'shop/inventory:3.1.0',
      replicas: 2,
      loadBalancer: LoadBalancer.leastRequest(2),
      policies: [GoldResilience.within(Duration.seconds(1), {
        retries: 2, firstBackoff: Duration.millis(50), failures: 10, cooldown: Duration.seconds(10), methods: [HttpMethod.POST],
      })],
      // Every call of gRPC is a POST. A reservation is one of its order: made, or taken back, a second time, nothing happens.
      idempotentMethods: [HttpMethod.POST],
    });

    this.order = new MeshService(this, 'order', {
      mesh,
      port,
      image: 'shop/order:2.0.0',
      replicas: orderReplicas,
      loadBalancer: LoadBalancer.leastRequest(2),
      // Longer than what it calls, one after the other: a reservation, a payment, and the way back where that fails.
      policies: [GoldResilience.ofTries(Duration.seconds(5), {
        retries: 1, firstBackoff: Duration.millis(100), failures: 20, cooldown: Duration.seconds(5),
      })],
    });
    this.order.calls(this.payment);
    this.order.calls(this.inventory);
    new HttpRoute(this, 'order-api', {
      service: this.order,
      rules: [
        HttpRule.redirect('/orders', 308, { name: 'moved', matches: [{ path: StringMatch.exact('/cart') }] }),
        // Clients of the first API get the same orders, and hear that it will go (RFC 9745).
        HttpRule.forward(this.order, {
          name: 'first-api',
          matches: [{ path: StringMatch.prefix('/v1/orders') }],
          filters: [
            HttpFilter.rewritePrefix('/orders'),
            HttpFilter.requestHeaders({ set: { 'x-api-version': '1' }, remove: ['x-debug'] }),
            HttpFilter.responseHeaders({ set: { deprecation: '@1767225600' } }),
          ],
        }),
        HttpRule.forward(this.order, { name: 'api' }),
      ],
    });

    this.storefront = new MeshService(this, 'storefront', { mesh, port, image: 'shop/storefront:1.0.0', loadBalancer: LoadBalancer.roundRobin() });
    this.storefront.calls(this.order);
  }
}
