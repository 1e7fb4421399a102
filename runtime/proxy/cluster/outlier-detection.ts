import type { Clock, Timer } from '../../clock';
import type { OutlierDetectionConfig } from '../config/types';
import type { ClusterHost } from './host';
import type { ClusterStats } from './stats';
import type { TryOutcome } from './types';

/** What is known of one host; it lives as long as the host, over changes of configuration. */
interface HostRecord {
  consecutive5xx: number;
  consecutiveGatewayFailure: number;
  consecutiveLocalOriginFailure: number;
  /** Number that the base ejection time is multiplied with; the next ejection adds one, every sweep that finds the host in takes one off. */
  multiplier: number;
  ejectedAt: number;
}

/**
 * Takes single hosts out that fail again and again, as envoy.config.cluster.v3.OutlierDetection: consecutive 5xx, gateway failures (502, 503,
 * 504) and failures of local origin (no connection, no answer in time, a reset). Without the split, a failure of local origin counts as the
 * 503 or 504 that it becomes; with it, it counts apart and answers count for the rest.
 *
 * A host stays out for base ejection time × its number of recent ejections, at most the maximum, and comes back at the sweep after that. Sweeps
 * lie `interval` apart, counted from the detector's start; none is scheduled while there is nothing to sweep.
 */
export class OutlierDetection {
  private readonly records = new Map<ClusterHost, HostRecord>();
  private readonly start: number;
  private timer: Timer | undefined;
  private ejections = 0;
  private hostCount = 0;

  /** @param decides who decides in place of this detector whether a host is ejected, and for how long: where workers share that, one does for all. */
  constructor(
    private config: OutlierDetectionConfig,
    private readonly clock: Clock,
    private readonly stats: ClusterStats,
    private readonly changed: () => void,
    private readonly decides?: (host: ClusterHost) => void,
  ) {
    this.start = clock.now();
  }

  /** Hosts that are out. */
  get ejected(): number {
    return this.ejections;
  }

  /** Takes changed settings; hosts that are out stay out until a sweep lets them in. */
  reconfigure(config: OutlierDetectionConfig): void {
    this.config = config;
    this.timer?.cancel();
    this.timer = undefined;
    this.schedule();
  }

  /** Takes the hosts after an update: what is not among them is forgotten. */
  setHosts(hosts: ReadonlySet<ClusterHost>): void {
    this.hostCount = hosts.size;
    for (const host of this.records.keys()) {
      if (hosts.has(host)) continue;
      this.records.delete(host);
      if (host.ejected && this.decides === undefined) this.ejections--;
    }
  }

  /** Lets all hosts in and stops. */
  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    // What another one has ejected is for that one to let in.
    if (this.decides === undefined) for (const host of this.records.keys()) this.admit(host);
    this.records.clear();
  }

  /** A try at the host has ended; `cancelled` is the caller's to leave out. */
  record(host: ClusterHost, outcome: TryOutcome): void {
    const { config } = this;
    const local = outcome.failure !== undefined;
    const status = local ? localStatus(outcome) : outcome.status;
    // The usual case keeps no record of a host that never failed.
    if (status < 500 && !this.records.has(host)) return;
    const record = this.recordOf(host);
    let eject = false;
    if (local && config.splitExternalLocalOriginErrors) {
      eject = reached(++record.consecutiveLocalOriginFailure, config.consecutiveLocalOriginFailure);
      if (eject) record.consecutiveLocalOriginFailure = 0;
    } else {
      record.consecutiveLocalOriginFailure = 0;
      eject = countStatus(record, status, config);
    }
    if (!eject || host.ejected) return;
    if (this.decides !== undefined) this.decides(host);
    else this.eject(host, record);
  }

  /** Another detector has counted enough failures. */
  suspected(host: ClusterHost): void {
    if (!host.ejected) this.eject(host, this.recordOf(host));
  }

  /** A host that another detector has let in again begins anew. */
  forget(host: ClusterHost): void {
    this.records.delete(host);
  }

  private recordOf(host: ClusterHost): HostRecord {
    let record = this.records.get(host);
    if (!record) {
      record = { consecutive5xx: 0, consecutiveGatewayFailure: 0, consecutiveLocalOriginFailure: 0, multiplier: 0, ejectedAt: 0 };
      this.records.set(host, record);
    }
    return record;
  }

  private eject(host: ClusterHost, record: HostRecord): void {
    const { config } = this;
    const percent = (100 * (this.ejections + 1)) / Math.max(1, this.hostCount);
    if (percent > config.maxEjectionPercent && !(config.alwaysEjectOneHost && this.ejections === 0)) return;
    this.ejections++;
    this.stats.outlierEjections++;
    record.ejectedAt = this.clock.now();
    // Counted up to the maximum, so that a host that was out for long is not punished for longer than that once it is well.
    if (record.multiplier * config.baseEjectionTime < config.maxEjectionTime + config.baseEjectionTime) record.multiplier++;
    host.ejected = true;
    host.refresh();
    this.changed();
    this.schedule();
  }

  private admit(host: ClusterHost): void {
    if (!host.ejected) return;
    this.ejections--;
    host.ejected = false;
    host.refresh();
    this.changed();
  }

  private schedule(): void {
    if (this.timer || !this.sweepable()) return;
    const { interval } = this.config;
    const elapsed = this.clock.now() - this.start;
    const next = (Math.floor(elapsed / interval) + 1) * interval;
    this.timer = this.clock.setTimer(next - elapsed, () => this.sweep());
  }

  private sweepable(): boolean {
    for (const record of this.records.values()) if (record.multiplier > 0) return true;
    return false;
  }

  private sweep(): void {
    this.timer = undefined;
    const { baseEjectionTime, maxEjectionTime } = this.config;
    const now = this.clock.now();
    for (const [host, record] of this.records) {
      if (!host.ejected) {
        if (record.multiplier > 0) record.multiplier--;
        continue;
      }
      if (now - record.ejectedAt < Math.min(baseEjectionTime * record.multiplier, Math.max(maxEjectionTime, baseEjectionTime))) continue;
      record.consecutive5xx = 0;
      record.consecutiveGatewayFailure = 0;
      record.consecutiveLocalOriginFailure = 0;
      this.admit(host);
    }
    this.schedule();
  }
}

/** The status that a try without an answer becomes. */
function localStatus(outcome: TryOutcome): number {
  return outcome.failure === 'per_try_timeout' || outcome.failure === 'timeout' ? 504 : 503;
}

function countStatus(record: HostRecord, status: number, config: OutlierDetectionConfig): boolean {
  if (status < 500) {
    record.consecutive5xx = 0;
    record.consecutiveGatewayFailure = 0;
    return false;
  }
  const gateway = status >= 502 && status <= 504;
  record.consecutiveGatewayFailure = gateway ? record.consecutiveGatewayFailure + 1 : 0;
  record.consecutive5xx++;
  // A counter that reached its bound starts anew even where the host could not be ejected.
  const byGateway = gateway && reached(record.consecutiveGatewayFailure, config.consecutiveGatewayFailure);
  const by5xx = reached(record.consecutive5xx, config.consecutive5xx);
  if (byGateway) record.consecutiveGatewayFailure = 0;
  if (by5xx) record.consecutive5xx = 0;
  return byGateway || by5xx;
}

function reached(count: number, bound: number): boolean {
  return bound > 0 && count >= bound;
}
