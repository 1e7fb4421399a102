import type { Clock, Timer } from '../../clock';
import { silentLog, type Log } from '../log';
import { ApiError, type ApiMetadata, type KubernetesApi } from './types';

/** `coordination.k8s.io/v1` Lease. */
export interface Lease {
  readonly apiVersion?: 'coordination.k8s.io/v1';
  readonly kind?: 'Lease';
  readonly metadata: ApiMetadata;
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface LeaderElectionDeps {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log?: Log;
  readonly namespace: string;
  /** Name of the Lease that is contended for. */
  readonly name: string;
  /** Of this process, and of no other: a container that was started again is another one. */
  readonly identity: string;
  readonly changed: (leading: boolean) => void;
}

/** Seconds that a leader leads without renewing, as the others count them. */
export const LEASE_SECONDS = 3;
/** Milliseconds without a renewal after which a leader no longer takes itself for one: before anybody else can. */
export const RENEW_DEADLINE = 2000;
/** Milliseconds between two looks at the Lease, and up to a fifth more. A leader that died is followed within 3 + 0.96 s. */
export const RETRY = 800;
const REQUEST_TIMEOUT = 1000;

/**
 * One of several processes leads, by a Lease, as Kubernetes' own components do it (client-go's leaderelection): times of other machines are never
 * compared; a Lease has run out when it was not seen to change for its duration. A write goes only to the version that was read, so of two that
 * want it one gets it.
 */
export class LeaderElection {
  private lease: Lease | undefined;
  /** When the Lease was last seen to be another than before. */
  private seenAt = 0;
  private renewedAt = -Infinity;
  private leads = false;
  private timer: Timer | undefined;
  private deadline: Timer | undefined;
  private trying: Promise<void> = Promise.resolve();
  private closed = false;
  private problem = '';

  constructor(private readonly deps: LeaderElectionDeps) {}

  get leading(): boolean {
    return this.leads;
  }

  /** Who leads, as far as is known. */
  get leader(): string | undefined {
    return this.lease?.spec.holderIdentity || undefined;
  }

  start(): void {
    this.trying = this.try();
  }

  /** Gives the lease back, so that nobody has to wait for it to run out. */
  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.trying;
    if (!this.leads) return;
    this.setLeading(false);
    await this.write({ holderIdentity: '', leaseDurationSeconds: 1, renewTime: this.now(), leaseTransitions: this.lease?.spec.leaseTransitions }).catch(() => {});
  }

  private async try(): Promise<void> {
    const { clock, log = silentLog, name } = this.deps;
    try {
      // The leader knows the version; only if that fails it has to look.
      if (!this.leads) await this.read();
      if (this.closed) return;
      if (this.leads || this.free()) await this.take();
      this.problem = '';
    } catch (error) {
      const { message, status } = error as ApiError;
      // Somebody was faster, which is what a conflict is for.
      if (status === 409) await this.read().catch(() => {});
      else if (message !== this.problem) log.warning('leader', 'the lease cannot be had', { lease: name, reason: message });
      if (status !== 409) this.problem = message;
    }
    if (this.leads && this.leader !== this.deps.identity) this.setLeading(false);
    if (this.closed) return;
    // A Lease that is about to run out is looked at when it has.
    const left = this.leads ? Infinity : this.seenAt + this.duration() - clock.now();
    const wait = RETRY * (1 + this.deps.random() / 5);
    this.timer = clock.setTimer(left > 0 ? Math.min(wait, left) : wait, () => { this.trying = this.try(); });
  }

  private async read(): Promise<void> {
    const { api, namespace, name } = this.deps;
    try {
      this.saw(await api.request<Lease>({ method: 'GET', path: leasePath(namespace, name), timeout: REQUEST_TIMEOUT }));
    } catch (error) {
      if ((error as ApiError).status !== 404) throw error;
      this.lease = undefined;
    }
  }

  private saw(lease: Lease): void {
    if (lease.metadata.resourceVersion !== this.lease?.metadata.resourceVersion) this.seenAt = this.deps.clock.now();
    this.lease = lease;
  }

  private free(): boolean {
    const { holderIdentity } = this.lease?.spec ?? {};
    return !holderIdentity || holderIdentity === this.deps.identity || this.deps.clock.now() >= this.seenAt + this.duration();
  }

  /** Milliseconds that the holder has asked for. */
  private duration(): number {
    return (this.lease?.spec.leaseDurationSeconds ?? 0) * 1000;
  }

  private async take(): Promise<void> {
    const { clock, identity } = this.deps;
    const { spec } = this.lease ?? {};
    const own = spec?.holderIdentity === identity;
    // The time counts from before the request: the others cannot have seen it earlier.
    const asked = clock.now();
    await this.write({
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: own ? spec.acquireTime : this.now(),
      renewTime: this.now(),
      leaseTransitions: own ? spec.leaseTransitions : (spec?.leaseTransitions ?? -1) + 1,
    });
    this.renewedAt = asked;
    this.deadline?.cancel();
    this.deadline = clock.setTimer(asked + RENEW_DEADLINE - clock.now(), () => this.setLeading(false));
    if (clock.now() < this.renewedAt + RENEW_DEADLINE) this.setLeading(true);
  }

  private async write(spec: Lease['spec']): Promise<void> {
    const { api, namespace, name } = this.deps;
    const { lease } = this;
    const head = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;
    this.saw(await (lease
      ? api.request<Lease>({ method: 'PUT', path: leasePath(namespace, name), body: { ...head, metadata: lease.metadata, spec }, timeout: REQUEST_TIMEOUT })
      : api.request<Lease>({ method: 'POST', path: leasePath(namespace), body: { ...head, metadata: { name, namespace }, spec }, timeout: REQUEST_TIMEOUT })));
  }

  private setLeading(leading: boolean): void {
    if (leading === this.leads) return;
    this.leads = leading;
    if (!leading) this.deadline?.cancel();
    (this.deps.log ?? silentLog).info('leader', leading ? 'leads: status is written by this replica' : 'leads no more', { lease: this.deps.name, replica: this.deps.identity });
    this.deps.changed(leading);
  }

  /** `metav1.MicroTime`. */
  private now(): string {
    return microTime(this.deps.clock);
  }
}

export function microTime(clock: Clock): string {
  return new Date(clock.wallTime()).toISOString().replace('Z', '000Z');
}

export function leasePath(namespace: string, name?: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases${name === undefined ? '' : `/${name}`}`;
}
