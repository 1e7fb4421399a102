import type { Clock, Timer } from '../../clock';
import type { Cluster, Host } from '../cluster/types';
import type { HealthCheckConfig } from '../config/types';
import type { Connection, ConnectionHandler } from '../transport';
import { Http2Probe } from './http2-probe';
import { HttpProbe, TcpProbe, type Probe, type ProbeResult } from './probe';

/** What checks need of a cluster's pool. */
export interface Checked {
  readonly cluster: Cluster;
  readonly router: { readonly clock: Clock; readonly random: () => number; readonly transport: { readonly input: Buffer } };
  /** With the cluster's TLS. */
  dial(host: Host, handler: ConnectionHandler): Connection;
}

/**
 * Active health checks of a cluster (Cluster.health_checks), as Envoy makes them. The first result of a host counts at once; then as many in a row as the
 * thresholds say, but a host that says itself that it is not well is out at once. Hosts that a cluster begins with get requests until their first result,
 * since clusters here do not wait for it; hosts that come later get none before they passed. What EDS says and what is found here must both be well.
 */
export class HealthChecker {
  private readonly sessions = new Map<Host, Session>();
  private begun = false;

  constructor(private readonly pool: Checked, readonly config: HealthCheckConfig) {}

  setHosts(hosts: readonly Host[]): void {
    const present = new Set(hosts);
    for (const [host, session] of this.sessions) {
      if (present.has(host)) continue;
      session.close();
      this.sessions.delete(host);
    }
    for (const host of hosts) {
      if (this.sessions.has(host)) continue;
      if (this.begun) this.pool.cluster.checked(host, false);
      this.sessions.set(host, new Session(this.pool, this.config, host));
    }
    this.begun = true;
  }

  close(): void {
    for (const session of this.sessions.values()) session.close();
    this.sessions.clear();
  }
}

/** The checks of one host: wait → probe → result, at most `timeout` later → wait … */
class Session {
  private timer: Timer | undefined;
  private probe: Probe | undefined;
  private healthy = true;
  private first = true;
  /** Results in a row against the present state. */
  private against = 0;

  constructor(private readonly pool: Checked, private readonly config: HealthCheckConfig, private readonly host: Host) {
    this.wait(this.pool.router.random() * config.initialJitter);
  }

  close(): void {
    this.timer?.cancel();
    this.probe?.cancel();
    this.probe = undefined;
  }

  private wait(milliseconds: number): void {
    this.timer = this.pool.router.clock.setTimer(milliseconds, () => this.check());
  }

  private check(): void {
    const { pool, config, host } = this;
    pool.cluster.stats.healthCheckAttempt++;
    const probe = this.probe = this.make((result) => this.result(result));
    this.timer = pool.router.clock.setTimer(config.timeout, () => {
      probe.cancel();
      this.result('network');
    });
    probe.connection = pool.dial(host, probe);
  }

  private make(done: (result: ProbeResult) => void): Probe {
    const { config, pool } = this;
    const { input } = pool.router.transport;
    const { http2, transportSocket } = pool.cluster.config;
    if (config.kind === 'tcp') return new TcpProbe(input, done);
    if (config.kind === 'grpc' || http2 !== undefined) return new Http2Probe(config, transportSocket !== undefined, input, done);
    return new HttpProbe(config, input, done);
  }

  private result(result: ProbeResult): void {
    this.timer?.cancel();
    this.probe = undefined;
    const { config, pool, host } = this;
    const { stats } = pool.cluster;
    const well = result === 'healthy';
    if (well) stats.healthCheckSuccess++;
    else stats.healthCheckFailure++;
    if (result === 'network') stats.healthCheckNetworkFailure++;
    if (this.counts(result)) {
      this.healthy = well;
      this.against = 0;
      pool.cluster.checked(host, well);
    }
    this.first = false;
    const interval = this.healthy || config.unhealthyInterval === 0 ? config.interval : config.unhealthyInterval;
    const jitter = config.intervalJitter + (interval * config.intervalJitterPercent) / 100;
    this.wait(interval + pool.router.random() * jitter);
  }

  /** Whether the state is as the result says from now on. */
  private counts(result: ProbeResult): boolean {
    const well = result === 'healthy';
    if (this.first) return true;
    if (well === this.healthy) {
      this.against = 0;
      return false;
    }
    if (result === 'unhealthy') return true;
    return ++this.against >= (well ? this.config.healthyThreshold : this.config.unhealthyThreshold);
  }
}
