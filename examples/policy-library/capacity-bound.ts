import type { Duration } from 'cdk8s';
import { Bulkhead, Rate, RateLimit, type IServicePolicy, type MeshService, type TrafficPolicy } from 'meshwright';

/** What is known of a service's capacity. */
export interface CapacityBoundProps {
  /** Pods that call it. */
  readonly callers: number;
  /** Connections that each of them may open. */
  readonly maxConnections: number;
  /** Requests of each that may wait for a connection. */
  readonly maxPendingRequests: number;
  /** Typical time to answer. */
  readonly latency: Duration;
  /** Pods that serve. */
  readonly replicas: number;
}

/**
 * Connections, and the rate that follows from them. Over HTTP/1.1 a connection carries one request at a time, so connections ÷ latency is all that
 * ever arrives (Little's law): a limit above it never acts, and its number deceives whoever reads it.
 */
export class CapacityBound implements IServicePolicy {
  constructor(private readonly props: CapacityBoundProps) {}

  policyName(): string {
    return 'CapacityBound';
  }

  /** Requests a second that each replica admits. */
  get perReplica(): number {
    const { callers, maxConnections, latency, replicas } = this.props;
    return Math.floor((callers * maxConnections * 1000) / latency.toMilliseconds() / replicas);
  }

  policyFor(_service: MeshService): TrafficPolicy {
    const { callers, maxConnections, maxPendingRequests, replicas } = this.props;
    return {
      bulkhead: Bulkhead.of({ maxConnections, maxPendingRequests }),
      // Clients come in bunches: at once may come what the pools and their queues hold.
      rateLimits: [RateLimit.perReplica(Rate.perSecond(this.perReplica), {
        burst: Math.floor((callers * (maxConnections + maxPendingRequests)) / replicas),
      })],
    };
  }
}
