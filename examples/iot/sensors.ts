import { Chart, Duration } from 'cdk8s';
import type { Construct } from 'constructs';
import { AccessLog, LoadBalancer, LocalityPolicy, Mesh, MeshService, Region, ServicePort } from 'meshwright';
import { CapacityBound, GoldResilience } from '../policy-library';

/**
 * Sensors on two continents: gateway → ingest → analytics. A reading goes to the region of its sensor's geohash, and to the next one while that fails.
 *
 * The numbers that the design was published with conflict, and this is what stands here:
 *
 * - *A timeout of 200 ms and backoffs of 50, 100, 200 ms*: the waits alone take 350 ms. 200 ms are what a *try* gets; the whole call may take 1.15 s.
 * - *1,000,000 readings a second*: a replica's proxy handles some 40,000 requests a second on one core, so a million needs 25 replicas and their
 *   callers the connections. The limit follows from what runs: two gateways × 300 connections ÷ 10 ms are 60,000 a second, 20,000 a replica. For a
 *   million change the numbers of pods, and the limit follows.
 */
export class Sensors extends Chart {
  readonly mesh: Mesh;
  readonly gateway: MeshService;
  readonly ingest: MeshService;
  readonly analytics: MeshService;

  constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: 'iot' });
    const port = ServicePort.http(8080);
    const west = Region.of('eu-west', { zones: ['eu-west-1a', 'eu-west-1b'], geohashes: ['gc', 'u0', 'u1'] });
    const east = Region.of('us-east', { zones: ['us-east-1a'], geohashes: ['dr', 'dq'] });
    const south = Region.of('ap-south', { zones: ['ap-south-1a'], geohashes: ['t', 'w'] });
    const mesh = this.mesh = new Mesh(this, 'mesh', { trustDomain: 'iot.example', regions: [west, east, south], accessLog: AccessLog.stdout(1) });
    const gatewayReplicas = 2;
    const ingestReplicas = 3;
    const latency = Duration.millis(10);

    this.analytics = new MeshService(this, 'analytics', {
      mesh,
      port,
      image: 'iot/analytics:0.9.0',
      replicas: 3,
      regions: [west, east, south],
      loadBalancer: LoadBalancer.leastRequest(2),
      locality: LocalityPolicy.preferLocal({ healthyPercent: 50, failover: [west, east, south] }),
      policies: [GoldResilience.ofTries(Duration.millis(50), {
        retries: 1, firstBackoff: Duration.millis(25), failures: 10, cooldown: Duration.seconds(15),
      })],
    });

    this.ingest = new MeshService(this, 'ingest', {
      mesh,
      port,
      image: 'iot/ingest:1.2.0',
      replicas: ingestReplicas,
      regions: [west, east, south],
      expectedLatency: latency,
      loadBalancer: LoadBalancer.leastRequest(2),
      locality: LocalityPolicy.geohash('x-geohash', { healthyPercent: 50, failover: [west, east, south] }),
      policies: [
        GoldResilience.ofTries(Duration.millis(200), { retries: 3, firstBackoff: Duration.millis(50), failures: 10, cooldown: Duration.seconds(15) }),
        new CapacityBound({ callers: gatewayReplicas, maxConnections: 300, maxPendingRequests: 100, latency, replicas: ingestReplicas }),
      ],
    });
    this.ingest.calls(this.analytics);

    this.gateway = new MeshService(this, 'gateway', {
      mesh, port, image: 'iot/gateway:1.0.0', replicas: gatewayReplicas, regions: [west, east], loadBalancer: LoadBalancer.roundRobin(),
    });
    this.gateway.calls(this.ingest);
  }
}
