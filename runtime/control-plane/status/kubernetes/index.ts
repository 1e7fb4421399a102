import type { Clock } from '../../../clock';
import { LeaderElection, type KubernetesApi } from '../../kubernetes';
import type { Log } from '../../log';
import type { KubernetesSource } from '../../source/kubernetes';
import type { SharedProgress } from '../progress';
import type { SharedStatus } from '../shared';
import type { StatusReport } from '../status';
import { Replicas, type Replica } from './replicas';
import { StatusWriter } from './writer';

export { CONTROLLER_NAME } from './conditions';
export { FIELD_MANAGER } from './writer';
export type { Replica } from './replicas';

/** Name of the Lease by which one replica of a mesh leads; the ClusterRole that is synthesized names it too. */
export const LEADER_LEASE = 'meshwright-control-plane';

export interface KubernetesStatusOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly source: Pick<KubernetesSource, 'observe' | 'observed'>;
  readonly replica: Replica;
}

/** The status of the mesh's objects in a Kubernetes API: every replica tells what its proxies run, and the one that leads writes it into the objects. */
export class KubernetesStatus implements SharedStatus {
  private readonly replicas: Replicas;
  private readonly writer: StatusWriter;
  private readonly election: LeaderElection;
  private changed: () => void = () => {};

  constructor(private readonly options: KubernetesStatusOptions) {
    const { source, replica, random, clock } = options;
    this.replicas = new Replicas({ ...options, changed: () => this.changed() });
    this.writer = new StatusWriter({ ...options, namespace: replica.namespace, observed: () => source.observed() });
    // A container that is started again in its pod is another process, which must not take the lease of the one before for its own.
    const identity = `${replica.name}_${Math.floor(random() * 2 ** 32).toString(36)}${clock.wallTime().toString(36)}`;
    this.election = new LeaderElection({
      ...options, namespace: replica.namespace, name: LEADER_LEASE, identity, changed: (leading) => this.writer.lead(leading),
    });
  }

  get leading(): boolean {
    return this.election.leading;
  }

  get stats(): StatusWriter['stats'] {
    return this.writer.stats;
  }

  start(changed: () => void): void {
    this.changed = changed;
    this.options.source.observe((what) => (what === 'pods' ? this.changed() : this.writer.reconcile()));
    this.replicas.start();
    this.election.start();
  }

  others(): readonly SharedProgress[] {
    return this.replicas.others();
  }

  publish(own: SharedProgress, report: StatusReport): void {
    this.replicas.tell(own);
    this.writer.update(report.objects);
  }

  async close(): Promise<void> {
    this.writer.close();
    await Promise.all([this.election.close(), this.replicas.close()]);
  }
}
