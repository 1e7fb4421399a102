import type { Clock, Timer } from '../../clock';
import { TypeUrl, type Cluster, type DeltaDiscoveryRequest } from '../../xds';
import { encodeResponse, TYPES, type EncodedResource, type ResourceType, type Snapshot } from './snapshot';
import { Subscription, type Refusal } from './subscription';

const { CDS, EDS, LDS, RDS, SDS } = TypeUrl;

/** Time in milliseconds that listeners and routes wait for the endpoints of new clusters, before it is assumed that nobody asks for them. */
export const PATIENCE = 5000;

export interface StreamDeps {
  readonly clock: Clock;
  /** Writes one response, in parts that follow each other; false where the client is slow, and `drained` will be called once it has caught up. */
  write(response: readonly Uint8Array[]): boolean;
  /** How a response is encoded; as one of the incremental variant without it. */
  encode?(type: ResourceType, nonce: string, resources: readonly EncodedResource[], removed: readonly string[]): readonly Uint8Array[];
  sent(type: ResourceType, resources: number, removed: number): void;
  acknowledged(type: ResourceType): void;
  refused(type: ResourceType, resources: readonly EncodedResource[], message: string): void;
}

/**
 * One client's side of delta ADS, without sockets: requests in, responses out. What is sent when:
 *
 *     clusters ─▶ endpoints ─▶ listeners ─▶ routes          each once the client has answered the one before
 *     listeners ─▶ routes ─▶ clusters ─▶ endpoints          removals, once it runs everything that no longer refers to them
 *
 * so that no request ever meets a route to a cluster that is not there yet, or no longer.
 */
export class DeltaStream {
  private readonly subscriptions: Record<ResourceType, Subscription> = {
    [SDS]: new Subscription(false),
    [CDS]: new Subscription(true),
    [EDS]: new Subscription(false),
    [LDS]: new Subscription(true),
    [RDS]: new Subscription(false),
  };
  private snapshot: Snapshot | undefined;
  private nonces = 0;
  private blocked = false;
  private closed = false;
  private timer: Timer | undefined;
  /** Endpoints and routes that nobody asked for are no longer waited for; until the next snapshot. */
  private outOfPatience = false;

  constructor(private readonly deps: StreamDeps) {}

  /** What the client is to run from now on. Until there is one nothing is answered. */
  update(snapshot: Snapshot): void {
    if (snapshot === this.snapshot) return;
    this.snapshot = snapshot;
    this.outOfPatience = false;
    this.timer?.cancel();
    this.timer = undefined;
    this.pump();
  }

  /** @returns false for a type that is not served. */
  request(request: DeltaDiscoveryRequest): boolean {
    const type = TYPES.find((known) => known === request.typeUrl);
    if (!type) return false;
    const answered = this.subscriptions[type].request(request);
    if (answered?.kind === 'ack') this.deps.acknowledged(type);
    if (answered?.kind === 'nack') this.deps.refused(type, answered.refused, answered.message);
    this.pump();
    return true;
  }

  drained(): void {
    this.blocked = false;
    this.pump();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  /** How far the client is with a resource of the present snapshot; undefined for one that it does not ask for. */
  stateOf(type: ResourceType, resource: EncodedResource): 'accepted' | 'refused' | 'pending' | undefined {
    return this.subscriptions[type].wants(resource.name) ? this.subscriptions[type].stateOf(resource) : undefined;
  }

  /** Whether the client runs every resource of the type in a snapshot. One that does not ask for some does not. */
  hasAll(type: ResourceType, { types }: Snapshot): boolean {
    return this.subscriptions[type].hasAll(types[type]);
  }

  /** Whether the client runs all that it asks for of a type as it is to be by now, and no more. */
  runs(type: ResourceType): boolean {
    const { snapshot } = this;
    return snapshot !== undefined && this.subscriptions[type].runs(snapshot.types[type]) && this.gone(type, snapshot);
  }

  refusalOf(type: ResourceType, name: string): Refusal | undefined {
    return this.subscriptions[type].refusalOf(name);
  }

  private pump(): void {
    const { snapshot } = this;
    if (!snapshot) return;
    for (const type of TYPES) this.sendUpdates(type, snapshot);
    for (const type of [LDS, RDS, CDS, EDS, SDS] as const) this.sendRemovals(type, snapshot);
    this.watchPatience(snapshot);
  }

  private get stopped(): boolean {
    return this.blocked || this.closed;
  }

  private sendUpdates(type: ResourceType, snapshot: Snapshot): void {
    const subscription = this.subscriptions[type];
    if (this.stopped || !subscription.requested || subscription.waiting) return;
    const updates = subscription.updates(snapshot.types[type]);
    if (updates.length === 0 && (subscription.answered || !subscription.wants('*'))) return;
    if (!this.mayUpdate(type, snapshot)) return;
    // A changed cluster warms anew and needs its endpoints again, which its client does not ask for a second time.
    if (type === CDS) for (const { name } of updates) this.subscriptions[EDS].force(name);
    this.write(type, updates, [], snapshot);
  }

  /** Removals never share a response with updates: they wait for other types. */
  private sendRemovals(type: ResourceType, snapshot: Snapshot): void {
    const subscription = this.subscriptions[type];
    if (this.stopped || !subscription.requested || subscription.waiting) return;
    const removals = subscription.removals(snapshot.types[type]);
    if (removals.length > 0 && this.mayRemove(type, snapshot)) this.write(type, [], removals, snapshot);
  }

  private write(type: ResourceType, resources: readonly EncodedResource[], removed: readonly string[], snapshot: Snapshot): void {
    this.nonces += 1;
    const nonce = this.nonces.toString(36);
    this.subscriptions[type].wrote(nonce, resources, removed, snapshot.types[type]);
    this.deps.sent(type, resources.length, removed.length);
    const response = this.deps.encode?.(type, nonce, resources, removed) ?? encodeResponse(type, nonce, resources, removed);
    if (!this.deps.write(response)) this.blocked = true;
  }

  private mayUpdate(type: ResourceType, snapshot: Snapshot): boolean {
    // Trust comes before whoever is trusted by it, and waits for nobody.
    if (type === CDS || type === EDS || type === SDS) return true;
    const before = type === RDS && this.subscriptions[LDS].requested ? this.subscriptions[LDS].settled(snapshot.types[LDS]) : true;
    return before && this.clustersReady(snapshot);
  }

  /** The client has answered all clusters, and the endpoints of each. */
  private clustersReady(snapshot: Snapshot): boolean {
    const [clusters, endpoints] = [this.subscriptions[CDS], this.subscriptions[EDS]];
    if (!clusters.requested) return true;
    if (!clusters.settled(snapshot.types[CDS])) return false;
    return this.outOfPatience || (this.missingEndpoints(snapshot).length === 0 && (!endpoints.requested || endpoints.settled(snapshot.types[EDS])));
  }

  /** Endpoints of clusters that the client runs, and has not asked for yet. */
  private missingEndpoints(snapshot: Snapshot): string[] {
    return [...snapshot.types[CDS].values()].filter((resource) => (
      (resource.message as Cluster).edsClusterConfig !== undefined
      && this.subscriptions[CDS].stateOf(resource) === 'accepted' && !this.subscriptions[EDS].wants(resource.name)
    )).map(({ name }) => name);
  }

  private mayRemove(type: ResourceType, snapshot: Snapshot): boolean {
    const { types } = snapshot;
    switch (type) {
      case LDS:
        return this.subscriptions[LDS].settled(types[LDS]);
      case RDS:
        return this.gone(LDS, snapshot);
      // Who refused the routes that no longer name a cluster still runs the ones that do.
      case CDS:
        return [LDS, RDS].every((user) => this.gone(user, snapshot) && (this.subscriptions[user].requested
          ? this.subscriptions[user].runs(types[user]) : types[user].size === 0 || this.outOfPatience));
      case EDS:
        return this.gone(CDS, snapshot);
      case SDS:
        return this.gone(LDS, snapshot) && this.gone(CDS, snapshot);
    }
  }

  /** Nothing of the type is left to be removed, and the client has said so. */
  private gone(type: ResourceType, { types }: Snapshot): boolean {
    const subscription = this.subscriptions[type];
    return !subscription.waiting && subscription.removals(types[type]).length === 0;
  }

  /** A client that does not use endpoints or routes must not wait for ever for what comes behind them. */
  private watchPatience(snapshot: Snapshot): void {
    const held = TYPES.some((type) => {
      const subscription = this.subscriptions[type];
      return (subscription.updates(snapshot.types[type]).length > 0 && !this.mayUpdate(type, snapshot))
        || (subscription.removals(snapshot.types[type]).length > 0 && !this.mayRemove(type, snapshot));
    });
    if (!held || this.closed) {
      this.timer?.cancel();
      this.timer = undefined;
    } else if (!this.timer && !this.outOfPatience) {
      this.timer = this.deps.clock.setTimer(PATIENCE, () => {
        this.timer = undefined;
        this.outOfPatience = true;
        this.pump();
      });
    }
  }
}
