import {
  ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema, SecretSchema, TypeUrl, unpackAnyAs,
} from '../../xds';
import { shareAddress, takenAddress } from './addresses';
import {
  decodeCluster, decodeEndpoints, decodeListener, decodeRouteTable, decodeSecret, type DecodedCluster, type DecodedEndpoints, type DecodedListener,
} from './decode';
import type { DiscoveredType, RawResource, Rejection, ResourceUpdate } from './discovered';
import { SECRET_KIND, SecretSet, type NeededSecret } from './secrets';
import { allChains, secretsOf, type ClusterConfig, type ClusterEndpoints, type ListenerConfig, type ProxySnapshot, type RouteTableConfig, type SecretConfig } from './types';
import { WarmingSet } from './warming';

export { DISCOVERED, type DiscoveredType, type RawResource, type Rejection, type ResourceUpdate } from './discovered';

interface Accepted {
  readonly raw: RawResource;
}

/** How the resources of an update were before it. */
interface Undo {
  readonly before: Map<string, Accepted | undefined>;
  /** Takes a listener back that was taken. */
  readonly taken: Map<string, () => void>;
}

/** Told of what a change of the store means for others. */
export interface StoreListener {
  /** There is a new snapshot. */
  onSnapshot(snapshot: ProxySnapshot): void;
  /** A STRICT_DNS cluster is there (`endpoints` are names), has changed, or is gone (`cluster` undefined). */
  onDns(name: string, cluster: DecodedCluster | undefined): void;
}

/**
 * Resources by type and name, the last good version of each, and the one immutable snapshot of all that is complete: a listener is in it once
 * its route table is known, a cluster once its endpoints have arrived, and each once its secrets are there.
 */
export class ConfigStore {
  private readonly tables = new Map<string, RouteTableConfig>();
  private readonly assignments = new Map<string, DecodedEndpoints>();
  private readonly resolved = new Map<string, DecodedEndpoints>();
  private readonly listeners = new WarmingSet<DecodedListener>(
    (entry) => entry.routes.every(({ name, inline }) => inline !== undefined || this.tables.has(name)) && this.secrets.has(listenerSecrets(entry)),
    (one, other) => shareAddress(one.listener, other.listener));
  private readonly clusters = new WarmingSet<DecodedCluster>(
    (entry) => this.endpointsOf(entry) !== undefined && this.secrets.has(clusterSecrets(entry)));
  private readonly secrets = new SecretSet();
  private readonly accepted: Record<DiscoveredType, Map<string, Accepted>> = {
    [TypeUrl.CDS]: new Map(), [TypeUrl.EDS]: new Map(), [TypeUrl.LDS]: new Map(), [TypeUrl.RDS]: new Map(),
    [TypeUrl.SDS]: new Map(),
  };
  private readonly made = new Map<string, { from: DecodedCluster; endpoints: DecodedEndpoints; config: ClusterConfig; list: ClusterEndpoints }>();
  private current: ProxySnapshot = { listeners: new Map(), routes: new Map(), clusters: new Map(), endpoints: new Map(), secrets: new Map() };

  constructor(private readonly listener: StoreListener) {}

  get snapshot(): ProxySnapshot {
    return this.current;
  }

  /** Takes what the bootstrap brings. Once, before everything else. */
  addStatic(listeners: readonly DecodedListener[], clusters: readonly DecodedCluster[], secrets: readonly SecretConfig[] = []): void {
    secrets.forEach((secret) => this.secrets.addFixed(secret));
    clusters.forEach((entry) => this.clusters.addFixed(entry.cluster.name, entry));
    listeners.forEach((entry) => this.listeners.addFixed(entry.listener.name, entry));
    clusters.forEach((entry) => { if (entry.dns) this.listener.onDns(entry.cluster.name, entry); });
    this.publish();
  }

  /** Takes what is right of an update and returns what is not. */
  update({ type, resources, removed }: ResourceUpdate): Rejection[] {
    // Removals first: a listener may take the address of one that goes. Nobody sees the state between.
    removed.forEach((name) => this.drop(type, name));
    const undo: Undo = { before: new Map(), taken: new Map() };
    const rejections = resources.flatMap((raw) => {
      const before = this.accepted[type].get(raw.name);
      undo.before.set(raw.name, before);
      // The same bytes again, as after a reconnect: nothing to decode, nothing changes.
      if (before && sameBytes(before.raw.resource.value, raw.resource.value)) {
        this.accepted[type].set(raw.name, { raw });
        return [];
      }
      const problems = this.take(type, raw, undo);
      if (problems.length > 0) return [{ name: raw.name, problems }];
      this.accepted[type].set(raw.name, { raw });
      return [];
    });
    rejections.push(...this.refuseTakenAddresses(undo));
    this.publish();
    const order = resources.map(({ name }) => name);
    return rejections.sort((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
  }

  /** A secret that the proxy made itself, as the certificate of its own identity: it takes the place of one of that name that SDS would bring. */
  setSecret(secret: SecretConfig): void {
    this.secrets.addFixed(secret);
    this.publish();
  }

  /** New addresses of a STRICT_DNS cluster. */
  setResolved(cluster: string, endpoints: DecodedEndpoints): void {
    this.resolved.set(cluster, endpoints);
    this.publish();
  }

  /** What has to be asked for by name; undefined for the types of which everything is asked for. */
  subscriptions(type: DiscoveredType): ReadonlySet<string> | undefined {
    if (type === TypeUrl.EDS) {
      return new Set([...this.clusters.all()].filter(({ cluster }) => cluster.discovery === 'eds').map(({ cluster }) => cluster.endpointsName));
    }
    if (type === TypeUrl.RDS) {
      return new Set([...this.listeners.all()].flatMap(({ routes }) => routes.filter(({ inline }) => !inline).map(({ name: table }) => table)));
    }
    if (type === TypeUrl.SDS) return this.secrets.toAskFor(this.neededSecrets());
    return undefined;
  }

  /** Secrets that something refers to and that have not come. */
  missingSecrets(): string[] {
    return [...new Set(this.neededSecrets().filter((needed) => !this.secrets.has([needed])).map(([name]) => name))];
  }

  private neededSecrets(): NeededSecret[] {
    return [...[...this.listeners.all()].flatMap(listenerSecrets), ...[...this.clusters.all()].flatMap(clusterSecrets)];
  }

  /** The versions that are held, for initial_resource_versions. */
  versions(type: DiscoveredType): Map<string, string> {
    return new Map([...this.accepted[type]].map(([name, { raw }]) => [name, raw.version]));
  }

  /** Everything that was accepted, as it came. */
  resources(type: DiscoveredType): RawResource[] {
    return [...this.accepted[type].values()].map(({ raw }) => raw);
  }

  /** What waits for something else to arrive. */
  warming(): { readonly listeners: readonly string[]; readonly clusters: readonly string[] } {
    return { listeners: this.listeners.warming(), clusters: this.clusters.warming() };
  }

  private take(type: DiscoveredType, raw: RawResource, undo: Undo): readonly string[] {
    try {
      switch (type) {
        case TypeUrl.LDS:
          return this.takeListener(raw, undo);
        case TypeUrl.CDS:
          return this.takeCluster(raw);
        case TypeUrl.RDS: {
          const message = unpackAnyAs(RouteConfigurationSchema, raw.resource);
          if (!message) return [wrongType(raw, 'RouteConfiguration')];
          const { value, problems } = decodeRouteTable(message);
          if (value && message.name !== raw.name) return [wrongName(raw, message.name)];
          if (value) this.tables.set(raw.name, value);
          return problems;
        }
        case TypeUrl.EDS: {
          const message = unpackAnyAs(ClusterLoadAssignmentSchema, raw.resource);
          if (!message) return [wrongType(raw, 'ClusterLoadAssignment')];
          const { value, problems } = decodeEndpoints(message);
          if (value && message.clusterName !== raw.name) return [wrongName(raw, message.clusterName)];
          if (value) this.assignments.set(raw.name, value);
          return problems;
        }
        case TypeUrl.SDS:
          return this.takeSecret(raw);
      }
    } catch (error) {
      return [`the bytes are no such resource: ${(error as Error).message}`];
    }
  }

  private takeListener(raw: RawResource, undo: Undo): readonly string[] {
    const message = unpackAnyAs(ListenerSchema, raw.resource);
    if (!message) return [wrongType(raw, 'Listener')];
    if (this.listeners.isFixed(raw.name)) return ['has the name of a listener of the bootstrap: rename one of them'];
    const { value, problems } = decodeListener(message);
    if (!value) return problems;
    if (value.listener.name !== raw.name) return [wrongName(raw, value.listener.name)];
    undo.taken.set(raw.name, this.listeners.set(raw.name, value));
    return [];
  }

  private takeCluster(raw: RawResource): readonly string[] {
    const message = unpackAnyAs(ClusterSchema, raw.resource);
    if (!message) return [wrongType(raw, 'Cluster')];
    if (this.clusters.isFixed(raw.name)) return ['has the name of a cluster of the bootstrap: rename one of them'];
    const { value, problems } = decodeCluster(message);
    if (!value) return problems;
    if (value.cluster.name !== raw.name) return [wrongName(raw, value.cluster.name)];
    this.clusters.set(raw.name, value);
    this.resolved.delete(raw.name);
    this.listener.onDns(raw.name, value.dns ? value : undefined);
    return [];
  }

  private takeSecret(raw: RawResource): readonly string[] {
    const message = unpackAnyAs(SecretSchema, raw.resource);
    if (!message) return [wrongType(raw, 'Secret')];
    if (this.secrets.isFixed(raw.name)) return ['has the name of a secret of the bootstrap or of the proxy itself: rename one of them'];
    const { value, problems } = decodeSecret(message);
    if (!value) return problems;
    if (value.name !== raw.name) return [wrongName(raw, value.name)];
    const other = this.neededSecrets().find(([name, kind]) => name === value.name && kind !== value.kind);
    if (other) return [`is a ${SECRET_KIND[value.kind]}, but something that refers to it needs a ${SECRET_KIND[other[1]]}`];
    this.secrets.set(value);
    return [];
  }

  /** All of an update is looked at together, so that two listeners may swap their addresses. Those that are refused are as they were before. */
  private refuseTakenAddresses({ before, taken }: Undo): Rejection[] {
    const rejections: Rejection[] = [];
    for (;;) {
      const newest = new Map([...this.listeners.newest()].map(([name, { listener }]) => [name, listener]));
      const found = takenAddress([...taken.keys()], newest);
      if (found === undefined) return rejections;
      const [name, other] = found;
      const { address, port } = newest.get(name)!;
      rejections.push({ name, problems: [`address: ${address}:${port} is already that of listener ${JSON.stringify(other)}`] });
      taken.get(name)!();
      taken.delete(name);
      const accepted = before.get(name);
      if (accepted) this.accepted[TypeUrl.LDS].set(name, accepted);
      else this.accepted[TypeUrl.LDS].delete(name);
    }
  }

  /** Route tables and endpoints that are removed stay as long as somebody refers to them, as in Envoy: their users go first. */
  private drop(type: DiscoveredType, name: string): void {
    if (type === TypeUrl.LDS) this.listeners.remove(name);
    if (type === TypeUrl.CDS) {
      this.clusters.remove(name);
      this.resolved.delete(name);
      this.listener.onDns(name, undefined);
    }
    this.accepted[type].delete(name);
  }

  private endpointsOf({ cluster, endpoints, dns }: DecodedCluster): DecodedEndpoints | undefined {
    if (cluster.discovery === 'eds') return this.assignments.get(cluster.endpointsName);
    return dns ? this.resolved.get(cluster.name) : endpoints;
  }

  private publish(): void {
    this.clusters.settle();
    this.listeners.settle();
    this.forget(this.tables, TypeUrl.RDS);
    this.forget(this.assignments, TypeUrl.EDS);
    this.forget(this.secrets.discovered, TypeUrl.SDS);

    const secrets = new Map<string, SecretConfig>();
    const listeners = new Map<string, ListenerConfig>();
    const routes = new Map<string, RouteTableConfig>();
    for (const [name, entry] of this.listeners.active()) {
      listeners.set(name, entry.listener);
      this.secrets.addTo(secrets, listenerSecrets(entry));
      for (const { name: table, inline } of entry.routes) routes.set(table, inline ?? this.tables.get(table)!);
    }
    const clusters = new Map<string, ClusterConfig>();
    const endpoints = new Map<string, ClusterEndpoints>();
    for (const [name, entry] of this.clusters.active()) {
      const made = this.assemble(name, entry);
      clusters.set(name, made.config);
      endpoints.set(name, made.list);
      this.secrets.addTo(secrets, clusterSecrets(entry));
    }
    [...this.made.keys()].filter((name) => !clusters.has(name)).forEach((name) => this.made.delete(name));

    const { current } = this;
    if (sameEntries(current.listeners, listeners) && sameEntries(current.routes, routes)
      && sameEntries(current.clusters, clusters) && sameEntries(current.endpoints, endpoints)
      && sameEntries(current.secrets, secrets)) return;
    this.current = Object.freeze({ listeners, routes, clusters, endpoints, secrets });
    this.listener.onSnapshot(this.current);
  }

  /** A cluster with its endpoints; the same objects as before where neither has changed. */
  private assemble(name: string, from: DecodedCluster): { config: ClusterConfig; list: ClusterEndpoints } {
    // A STRICT_DNS cluster that was replaced keeps its addresses until the new one has some.
    const before = this.made.get(name);
    const endpoints = this.endpointsOf(from) ?? before?.endpoints
      ?? { localities: [], overprovisioningFactor: from.cluster.overprovisioningFactor };
    if (before?.from === from && before.endpoints === endpoints) return before;
    const factor = endpoints.overprovisioningFactor;
    const sameConfig = before?.from === from && before.config.overprovisioningFactor === factor;
    const config = sameConfig ? before.config
      : factor === from.cluster.overprovisioningFactor ? from.cluster : { ...from.cluster, overprovisioningFactor: factor };
    const list = before?.endpoints === endpoints ? before.list : { clusterName: name, localities: endpoints.localities };
    const made = { from, endpoints, config, list };
    this.made.set(name, made);
    return made;
  }

  /** Drops what nobody refers to any more. */
  private forget(held: Map<string, unknown>, type: typeof TypeUrl.RDS | typeof TypeUrl.EDS | typeof TypeUrl.SDS): void {
    const wanted = this.subscriptions(type)!;
    for (const name of held.keys()) {
      if (wanted.has(name)) continue;
      held.delete(name);
      this.accepted[type].delete(name);
    }
  }
}

function listenerSecrets({ listener }: DecodedListener): NeededSecret[] {
  return allChains(listener).flatMap(({ transportSocket }) => (transportSocket ? secretsOf(transportSocket) : []));
}

function clusterSecrets({ cluster: { transportSocket } }: DecodedCluster): NeededSecret[] {
  return transportSocket ? secretsOf(transportSocket) : [];
}

function wrongType(raw: RawResource, expected: string): string {
  return `${raw.resource.typeUrl} must be a ${expected}`;
}

function wrongName(raw: RawResource, own: string): string {
  return `the resource's own name is ${JSON.stringify(own)}, but it was sent as ${JSON.stringify(raw.name)}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

function sameEntries<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of b) if (a.get(key) !== value) return false;
  return true;
}
