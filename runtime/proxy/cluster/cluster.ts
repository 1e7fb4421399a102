import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock';
import type { ClusterConfig, ClusterEndpoints } from '../config/types';
import { CircuitBreaker, type Breaker } from './circuit-breaker';
import { ClusterHost, hostKey } from './host';
import { HostSelector } from './host-selector';
import { OutlierDetection } from './outlier-detection';
import { OwnResources, Resource, SharedResources, resourcesName, type Resources } from './resources';
import { retriesAllowed } from './retry-budget';
import type { SharedClusters } from './shared';
import { SharedCircuitBreaker } from './shared-circuit-breaker';
import { ClusterStats } from './stats';
import type { Cluster, Host, Refusal, RequestHash, TryOutcome } from './types';

export interface ClusterDependencies {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** What all workers of a pod have in common; undefined: there is one proxy. */
  readonly shared?: SharedClusters;
}

/** See `Cluster`: each policy stands in its file, this puts them together and counts what is in flight. */
export class UpstreamCluster implements Cluster {
  config: ClusterConfig;
  readonly stats = new ClusterStats();
  readonly resources: Resources;
  admission = 0;
  private byKey: ReadonlyMap<string, ClusterHost> = new Map();
  private list: readonly ClusterHost[] = [];
  private readonly selector: HostSelector;
  private breaker: Breaker | undefined;
  private outlierDetection: OutlierDetection | undefined;

  constructor(config: ClusterConfig, private readonly dependencies: ClusterDependencies) {
    this.config = config;
    this.resources = this.makeResources(config.name);
    this.selector = new HostSelector(config, this.stats, dependencies.random);
    this.breaker = this.makeBreaker(config);
    this.outlierDetection = this.makeOutlierDetection(config);
  }

  admit(isRetry: boolean): Refusal | undefined {
    const { breaker, resources } = this;
    if (breaker !== undefined && !breaker.allows()) {
      this.stats.rqCircuitOpen++;
      return 'circuit_open';
    }
    if (resources.total(Resource.Requests) - resources.total(Resource.Pending) >= this.config.limits.maxRequests) {
      this.stats.rqPendingOverflow++;
      return 'requests_overflow';
    }
    if (breaker !== undefined) {
      if (!breaker.admitted()) {
        this.stats.rqCircuitOpen++;
        return 'circuit_open';
      }
      this.admission = breaker.epoch;
    }
    resources.add(Resource.Requests, 1);
    if (isRetry) {
      resources.add(Resource.Retries, 1);
      this.stats.rqRetry++;
    }
    return undefined;
  }

  mayRetry(): boolean {
    const { resources } = this;
    return resources.total(Resource.Retries) < retriesAllowed(this.config, resources.total(Resource.Requests));
  }

  pick(hash: RequestHash | undefined, tried: readonly Host[] | undefined, attempts: number): Host | undefined {
    const host = this.selector.pick(hash, tried as readonly ClusterHost[] | undefined, attempts);
    if (host === undefined) this.stats.rqNoHealthyUpstream++;
    return host;
  }

  hostOf(address: string, port: number, once = false): Host {
    const host = new ClusterHost(address, this.config.portOverride ?? port);
    host.removed = once;
    return host;
  }

  started(host: Host): void {
    host.active++;
    this.stats.rqTotal++;
  }

  finished(host: Host | undefined, outcome: TryOutcome, isRetry: boolean, admission?: number): void {
    this.resources.add(Resource.Requests, -1);
    if (isRetry) this.resources.add(Resource.Retries, -1);
    if (host !== undefined) host.active--;
    const silent = host === undefined || outcome.failure === 'cancelled';
    const { breaker } = this;
    if (breaker !== undefined) {
      const failed = outcome.failure !== undefined || outcome.status >= 500;
      breaker.finished(admission ?? breaker.epoch, silent ? 'neutral' : failed ? 'failure' : 'success');
    }
    if (!silent && this.outlierDetection !== undefined && !host.removed) this.outlierDetection.record(host as ClusterHost, outcome);
  }

  tunnelOpened(host: Host): void {
    this.resources.add(Resource.Requests, 1);
    host.active++;
  }

  tunnelClosed(host: Host): void {
    this.resources.add(Resource.Requests, -1);
    host.active--;
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

  get activeRequests(): number { return this.resources.total(Resource.Requests); }
  get activeRetries(): number { return this.resources.total(Resource.Retries); }
  get connections(): number { return this.resources.total(Resource.Connections); }
  get pending(): number { return this.resources.total(Resource.Pending); }

  get mayConnect(): boolean {
    const { maxConnections } = this.config.limits;
    // A worker without any connection gets one: who waits in it must not depend on other workers to give one up.
    return this.resources.total(Resource.Connections) < maxConnections || (maxConnections > 0 && this.resources.own(Resource.Connections) === 0);
  }

  get mayWait(): boolean {
    return this.resources.total(Resource.Pending) < this.config.limits.maxPendingRequests;
  }

  connectionOpened(): void {
    this.resources.add(Resource.Connections, 1);
    this.stats.cxTotal++;
  }

  connectionClosed(): void {
    this.resources.add(Resource.Connections, -1);
  }

  waitBegan(): void {
    this.resources.add(Resource.Pending, 1);
    this.stats.rqPendingTotal++;
  }

  waitEnded(): void {
    this.resources.add(Resource.Pending, -1);
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

  checked(host: Host, healthy: boolean): void {
    const checked = host as ClusterHost;
    if (checked.failedHealthCheck !== healthy) return;
    checked.failedHealthCheck = !healthy;
    checked.refresh();
    this.selector.invalidate();
  }

  ejectionsChanged: (() => void) | undefined;

  suspected(key: string): void {
    const host = this.byKey.get(key);
    if (host !== undefined) this.outlierDetection?.suspected(host);
  }

  setEjected(keys: ReadonlySet<string>): void {
    let changed = false;
    for (const host of this.list) {
      if (host.ejected === keys.has(host.key)) continue;
      changed = true;
      host.ejected = !host.ejected;
      host.refresh();
      if (!host.ejected) this.outlierDetection?.forget(host);
    }
    if (changed) this.selector.invalidate();
  }

  close(): void {
    this.outlierDetection?.close();
    this.outlierDetection = undefined;
    this.update({ clusterName: this.config.endpointsName, localities: [] });
  }

  private makeResources(name: string): Resources {
    const { shared } = this.dependencies;
    return shared === undefined ? new OwnResources()
      : new SharedResources(shared.get(resourcesName(name), SharedResources.bytes(shared.workers)), shared.worker);
  }

  private makeBreaker({ name, breaker }: ClusterConfig): Breaker | undefined {
    const { clock, random, shared } = this.dependencies;
    if (!breaker) return undefined;
    if (shared !== undefined) {
      const memory = shared.get(`breaker ${name} ${JSON.stringify(breaker)}`, SharedCircuitBreaker.bytes);
      return new SharedCircuitBreaker(memory, breaker, clock, this.stats, random);
    }
    const firstEpoch = Math.max(this.admission, this.breaker?.epoch ?? 0) + 1;
    return new CircuitBreaker(breaker, clock, this.stats, firstEpoch);
  }

  private makeOutlierDetection(config: ClusterConfig): OutlierDetection | undefined {
    if (!config.outlierDetection) return undefined;
    const { clock, shared } = this.dependencies;
    const { name } = config;
    const made = new OutlierDetection(config.outlierDetection, clock, this.stats, () => {
      this.selector.invalidate();
      this.ejectionsChanged?.();
    }, shared && ((host) => shared.suspect(name, host.key)));
    made.setHosts(new Set(this.list));
    return made;
  }
}

function retire(host: ClusterHost): void {
  host.removed = true;
  host.pool?.drain();
}
