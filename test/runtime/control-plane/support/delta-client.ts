import {
  create, decode, DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, HttpConnectionManagerSchema, TypeUrl, unpackAny, unpackAnyAs,
  type Cluster, type DeltaDiscoveryRequest, type DeltaDiscoveryResponse, type Listener, type MessageInit, type Node, type RouteConfiguration,
} from '../../../../runtime/xds';

const { CDS, EDS, LDS, RDS } = TypeUrl;
type Type = typeof CDS | typeof EDS | typeof LDS | typeof RDS;

interface Held {
  readonly version: string;
  readonly message: unknown;
}

/**
 * A client of delta ADS that follows the protocol as proxies do, without sockets: it asks for all clusters and listeners, for the endpoints of its
 * clusters and the routes of its listeners. Responses wait in `inbox` until the test has them `taken`, one by one.
 */
export class DeltaClient {
  readonly inbox: DeltaDiscoveryResponse[] = [];
  readonly taken: DeltaDiscoveryResponse[] = [];
  readonly held: Record<Type, Map<string, Held>> = { [CDS]: new Map(), [EDS]: new Map(), [LDS]: new Map(), [RDS]: new Map() };
  private readonly asked = new Map<Type, Set<string>>();
  private first = true;
  /** Refuses resources: the message of the NACK, or undefined to take the response. */
  refuse: (response: DeltaDiscoveryResponse) => string | undefined = () => undefined;

  constructor(private readonly send: (request: DeltaDiscoveryRequest) => void, private readonly node?: Node) {}

  /** Begins a stream, with what an earlier one left. */
  start(): void {
    this.ask(CDS, []);
    this.ask(LDS, []);
    this.follow();
  }

  receive(bytes: Uint8Array): void {
    this.inbox.push(decode(DeltaDiscoveryResponseSchema, bytes));
  }

  /** Takes the oldest response and answers it. */
  take(): DeltaDiscoveryResponse {
    const response = this.inbox.shift();
    if (!response) throw new Error('no response is waiting');
    const type = response.typeUrl as Type;
    const problem = this.refuse(response);
    this.taken.push(response);
    if (problem === undefined) {
      for (const { name, version, resource } of response.resources) this.held[type].set(name, { version, message: unpackAny(resource!)!.message });
      for (const name of response.removedResources) this.held[type].delete(name);
      this.request({ typeUrl: type, responseNonce: response.nonce });
    } else {
      this.request({ typeUrl: type, responseNonce: response.nonce, errorDetail: { code: 3, message: problem } });
    }
    this.follow();
    return response;
  }

  takeAll(): void {
    while (this.inbox.length > 0) this.take();
  }

  /** What is held, as `type name` → version. */
  versions(): Record<string, string> {
    return Object.fromEntries([CDS, EDS, LDS, RDS].flatMap((type) => [...this.held[type]].map(([name, { version }]) => [`${short(type)} ${name}`, version])).sort());
  }

  /** Requests that would fail: clusters that routes name and that are not there, or have had no endpoints. */
  dangling(): string[] {
    const named = [...this.held[RDS].values(), ...this.inlineRoutes()].flatMap(({ message }) => clustersOf(message as RouteConfiguration));
    return named.filter((name) => name !== 'invalid-backend').flatMap((name) => {
      const cluster = this.held[CDS].get(name)?.message as Cluster | undefined;
      if (!cluster) return [`${name}: no cluster`];
      return cluster.edsClusterConfig && !this.held[EDS].has(name) ? [`${name}: no endpoints`] : [];
    });
  }

  request(request: MessageInit<typeof DeltaDiscoveryRequestSchema>): void {
    this.send(create(DeltaDiscoveryRequestSchema, this.first ? { ...request, node: this.node } : request));
    this.first = false;
  }

  private ask(type: Type, names: string[]): void {
    this.asked.set(type, new Set(names));
    const initialResourceVersions = Object.fromEntries([...this.held[type]].map(([name, { version }]) => [name, version]));
    this.request({ typeUrl: type, resourceNamesSubscribe: names, initialResourceVersions });
  }

  private follow(): void {
    this.want(EDS, [...this.held[CDS].values()].flatMap(({ message }) => (message as Cluster).edsClusterConfig?.serviceName ?? []));
    this.want(RDS, [...this.held[LDS].values()].flatMap(({ message }) => {
      const { routeSpecifier } = managerOf(message as Listener);
      return routeSpecifier.case === 'rds' ? [routeSpecifier.value.routeConfigName] : [];
    }));
  }

  private want(type: Type, names: readonly string[]): void {
    const asked = this.asked.get(type);
    if (!asked) {
      if (names.length > 0) this.ask(type, [...names]);
      return;
    }
    const subscribe = names.filter((name) => !asked.has(name));
    const unsubscribe = [...asked].filter((name) => !names.includes(name));
    if (subscribe.length + unsubscribe.length === 0) return;
    this.asked.set(type, new Set(names));
    for (const name of unsubscribe) this.held[type].delete(name);
    this.request({ typeUrl: type, resourceNamesSubscribe: subscribe, resourceNamesUnsubscribe: unsubscribe });
  }

  private inlineRoutes(): { message: RouteConfiguration }[] {
    return [...this.held[LDS].values()].flatMap(({ message }) => {
      const { routeSpecifier } = managerOf(message as Listener);
      return routeSpecifier.case === 'routeConfig' ? [{ message: routeSpecifier.value }] : [];
    });
  }
}

function managerOf(listener: Listener) {
  const { configType } = listener.filterChains[0].filters[0];
  return unpackAnyAs(HttpConnectionManagerSchema, configType.case === 'typedConfig' ? configType.value : undefined)!;
}

function clustersOf(routes: RouteConfiguration): string[] {
  return routes.virtualHosts.flatMap((host) => host.routes.flatMap(({ action }) => {
    if (action.case !== 'route') return [];
    const { clusterSpecifier } = action.value;
    if (clusterSpecifier.case === 'cluster') return [clusterSpecifier.value];
    return clusterSpecifier.case === 'weightedClusters' ? clusterSpecifier.value.clusters.map(({ name }) => name) : [];
  }));
}

/** `Cluster`. */
export function short(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

/** A response as a line: `Cluster +a +b -c`. */
export function line({ typeUrl, resources, removedResources }: DeltaDiscoveryResponse): string {
  return [short(typeUrl), ...resources.map(({ name }) => `+${name}`), ...removedResources.map((name) => `-${name}`)].join(' ');
}
