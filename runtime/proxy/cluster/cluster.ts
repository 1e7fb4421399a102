import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock';
import type { ClusterConfig, ClusterEndpoints } from '../config/types';
import { CircuitBreaker } from './circuit-breaker';
import { ClusterHost, hostKey } from './host';
import { HostSelector } from './host-selector';
import { OutlierDetection } from './outlier-detection';
import { retriesAllowed } from './retry-budget';
import { ClusterStats } from './stats';
import type { Cluster, Host, Refusal, RequestHash, TryOutcome } from './types';

export interface ClusterDependencies {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

/** See `Cluster`: each policy stands in its file, this puts them together and counts what is in flight. */
export class UpstreamCluster implements Cluster {
  config: ClusterConfig;
  readonly stats = new ClusterStats();
  activeRequests = 0;
  activeRetries = 0;
  connections = 0;
  pending = 0;
  admission = 0;
  private byKey: ReadonlyMap<string, ClusterHost> = new Map();
  private list: readonly ClusterHost[] = [];
  private readonly selector: HostSelector;
  private breaker: CircuitBreaker | undefined;
  private outlierDetection: OutlierDetection | undefined;

  constructor(config: ClusterConfig, private readonly dependencies: ClusterDependencies) {
    this.config = config;
    this.selector = new HostSelector(config, this.stats, dependencies.random);
    this.breaker = this.makeBreaker(config);
    this.outlierDetection = this.makeOutlierDetection(config);
  }

  admit(isRetry: boolean): Refusal | undefined {
    const { breaker } = this;
    if (breaker !== undefined && !breaker.allows()) {
      this.stats.rqCircuitOpen++;
      return 'circuit_open';
    }
    if (this.activeRequests - this.pending >= this.config.limits.maxRequests) {
      this.stats.rqPendingOverflow++;
      return 'requests_overflow';
    }
    if (breaker !== undefined) {
      breaker.admitted();
      this.admission = breaker.epoch;
    }
    this.activeRequests++;
    if (isRetry) {
      this.activeRetries++;
      this.stats.rqRetry++;
    }
    return undefined;
  }

  mayRetry(): boolean {
    return this.activeRetries < retriesAllowed(this.config, this.activeRequests);
  }

  pick(hash: RequestHash | undefined, tried: readonly Host[] | undefined, attempts: number): Host | undefined {
    const host = this.selector.pick(hash, tried as readonly ClusterHost[] | undefined, attempts);
    if (host === undefined) this.stats.rqNoHealthyUpstream++;
    return host;
  }

  started(host: Host): void {
    host.active++;
    this.stats.rqTotal++;
  }

  finished(host: Host | undefined, outcome: TryOutcome, isRetry: boolean, admission?: number): void {
    this.activeRequests--;
    if (isRetry) this.activeRetries--;
    if (host !== undefined) host.active--;
    const silent = host === undefined || outcome.failure === 'cancelled';
    const { breaker } = this;
    if (breaker !== undefined) {
      const failed = outcome.failure !== undefined || outcome.status >= 500;
      breaker.finished(admission ?? breaker.epoch, silent ? 'neutral' : failed ? 'failure' : 'success');
    }
    if (!silent && this.outlierDetection !== undefined && !host.removed) this.outlierDetection.record(host as ClusterHost, outcome);
  }

  /** A host that stands in an assignment more than once counts once, where its priority is highest. */
  update(endpoints: ClusterEndpoints): void {
    const next = new Map<string, ClusterHost>();
    const localities = [...endpoints.localities].sort((left, right) => left.priority - right.priority).map((locality) => {
      const hosts: ClusterHost[] = [];
      for (const endpoint of locality.endpoints) {
        const key = hostKey(endpoint.address, endpoint.port);
        if (next.has(key)) continue;
        const host = this.byKey.get(key) ?? new ClusterHost(endpoint.address, endpoint.port);
        host.assign(locality, endpoint);
        next.set(key, host);
        hosts.push(host);
      }
      return { locality, hosts };
    });
    const before = this.list;
    this.byKey = next;
    this.list = [...next.values()];
    this.outlierDetection?.setHosts(new Set(this.list));
    this.selector.assign(localities);
    // Last, as a pool that drains may call back.
    for (const host of before) if (next.get(host.key) !== host) retire(host);
  }

  reconfigure(config: ClusterConfig): void {
    const before = this.config;
    this.config = config;
    if (!isDeepStrictEqual(before.breaker, config.breaker)) this.breaker = this.makeBreaker(config);
    if (!isDeepStrictEqual(before.outlierDetection, config.outlierDetection)) {
      if (this.outlierDetection && config.outlierDetection) {
        this.outlierDetection.reconfigure(config.outlierDetection);
      } else {
        this.outlierDetection?.close();
        this.outlierDetection = this.makeOutlierDetection(config);
      }
    }
    this.selector.reconfigure(config, !isDeepStrictEqual(before.balancer, config.balancer));
  }

  hosts(): readonly Host[] {
    return this.list;
  }

  get breakerState(): 'closed' | 'open' | 'half_open' | undefined {
    return this.breaker?.state;
  }

  get breakerRetryAfter(): number | undefined {
    return this.breaker?.retryAfter;
  }

  close(): void {
    this.outlierDetection?.close();
    this.outlierDetection = undefined;
    this.update({ clusterName: this.config.endpointsName, localities: [] });
  }

  private makeBreaker(config: ClusterConfig): CircuitBreaker | undefined {
    const firstEpoch = Math.max(this.admission, this.breaker?.epoch ?? 0) + 1;
    return config.breaker && new CircuitBreaker(config.breaker, this.dependencies.clock, this.stats, firstEpoch);
  }

  private makeOutlierDetection(config: ClusterConfig): OutlierDetection | undefined {
    if (!config.outlierDetection) return undefined;
    const made = new OutlierDetection(config.outlierDetection, this.dependencies.clock, this.stats, () => this.selector.invalidate());
    made.setHosts(new Set(this.list));
    return made;
  }
}

function retire(host: ClusterHost): void {
  host.removed = true;
  host.pool?.drain();
}
