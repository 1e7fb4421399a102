import { clustersOf } from '../../../../runtime/control-plane/xds/proxyless/routes';
import {
  create, decode, DiscoveryRequestSchema, DiscoveryResponseSchema, encode, HttpConnectionManagerSchema, TypeUrl, unpackAny, unpackAnyAs, type Cluster,
  type DiscoveryResponse, type Listener, type MessageInit, type RouteConfiguration,
} from '../../../../runtime/xds';

const { CDS, EDS, LDS, RDS } = TypeUrl;
const TYPES = [LDS, RDS, CDS, EDS] as const;
type Type = (typeof TYPES)[number];

type Resource = Cluster | Listener | RouteConfiguration;

/** What a client has of a resource; undefined: it has asked, and nothing has come. */
type Held = Map<string, { readonly message: Resource; readonly bytes: string }>;

/**
 * A client of state-of-the-world ADS without sockets, as the protocol has it (xDS REST and gRPC protocol; gRFC A27): of a response it takes what it does
 * not refuse; of clusters and listeners it gives up what a response leaves out, if it had it. Responses wait in `inbox` until they are taken.
 *
 * With `channels` it is one of gRPC: it asks for their listeners, for the routes that those name, for the clusters that routes name, and for their
 * endpoints, each by name. Without, it asks for all clusters and listeners, as a proxy.
 */
export class StateOfTheWorldClient {
  readonly inbox: DiscoveryResponse[] = [];
  readonly taken: DiscoveryResponse[] = [];
  readonly held: Record<Type, Held> = { [CDS]: new Map(), [EDS]: new Map(), [LDS]: new Map(), [RDS]: new Map() };
  /** What it had, asks for still, and was told to be no more. */
  readonly lost: string[] = [];
  private readonly asked = new Map<Type, readonly string[]>();
  private readonly versions = new Map<Type, string>();
  private readonly nonces = new Map<Type, string>();
  /** Why a resource is refused; undefined: it is taken. */
  refuse: (type: string, message: Resource) => string | undefined = () => undefined;

  constructor(private readonly send: (bytes: Buffer) => void, private readonly channels?: readonly string[]) {}

  /** Begins a stream, with what an earlier one left. */
  start(before?: StateOfTheWorldClient): void {
    for (const type of TYPES) {
      for (const [name, held] of before?.held[type] ?? []) this.held[type].set(name, held);
      const version = before?.versions.get(type);
      if (version !== undefined) this.versions.set(type, version);
    }
    if (!this.channels) this.ask(CDS, []);
    this.ask(LDS, this.channels ?? []);
    this.follow();
  }

  receive(bytes: Uint8Array): void {
    this.inbox.push(decode(DiscoveryResponseSchema, bytes));
  }

  /** Takes the oldest response and answers it. */
  take(): DiscoveryResponse {
    const response = this.inbox.shift();
    if (!response) throw new Error('no response is waiting');
    const type = response.typeUrl as Type;
    this.taken.push(response);
    this.nonces.set(type, response.nonce);
    const problems: string[] = [];
    const seen = new Set<string>();
    for (const any of response.resources) {
      const message = unpackAny(any)!.message as Resource;
      const name = nameOf(message);
      seen.add(name);
      const problem = this.refuse(type, message);
      if (problem !== undefined) problems.push(`${name}: ${problem}`);
      else if (this.wants(type, name)) this.held[type].set(name, { message, bytes: Buffer.from(any.value).toString('base64') });
    }
    if (type === CDS || type === LDS) {
      for (const name of this.held[type].keys()) {
        if (seen.has(name)) continue;
        this.held[type].delete(name);
        if (this.channels) this.lost.push(`${short(type)} ${name}`);
      }
    }
    if (problems.length === 0) this.versions.set(type, response.versionInfo);
    this.request(type, problems.length === 0 ? {} : { errorDetail: { code: 3, message: problems.join('; ') } });
    this.follow();
    return response;
  }

  takeAll(): void {
    while (this.inbox.length > 0) this.take();
  }

  /** What is held, as `type name` → contents. */
  contents(): Record<string, string> {
    return Object.fromEntries(TYPES.flatMap((type) => [...this.held[type]].map(([name, { bytes }]) => [`${short(type)} ${name}`, bytes])).sort());
  }

  /** Clusters that routes name and that are not there, or have had no endpoints. One of gRPC waits for those that it has just asked for. */
  dangling(): string[] {
    return this.named().flatMap((name) => {
      if (this.held[CDS].has(name)) return this.channels === undefined && this.isEds(name) && !this.held[EDS].has(name) ? [`${name}: no endpoints`] : [];
      return this.channels ? [] : [`${name}: no cluster`];
    });
  }

  /** Changes the channels that there are. */
  use(channels: readonly string[]): void {
    this.ask(LDS, channels);
    for (const name of [...this.held[LDS].keys()]) if (!channels.includes(name)) this.held[LDS].delete(name);
    this.follow();
  }

  private isEds(name: string): boolean {
    return (this.held[CDS].get(name)!.message as Cluster).edsClusterConfig !== undefined;
  }

  /** Clusters that routes send to. */
  named(): string[] {
    return [...this.held[RDS].values(), ...this.inlineRoutes()].flatMap(({ message }) => (
      clustersOf((message as RouteConfiguration).virtualHosts.flatMap(({ routes }) => routes)))).filter((name) => this.channels || name !== 'invalid-backend');
  }

  private wants(type: Type, name: string): boolean {
    const asked = this.asked.get(type);
    return asked !== undefined && ((asked.length === 0 && !this.channels) || asked.includes(name));
  }

  private request(type: Type, more: MessageInit<typeof DiscoveryRequestSchema> = {}): void {
    this.send(Buffer.from(encode(DiscoveryRequestSchema, create(DiscoveryRequestSchema, {
      typeUrl: type, versionInfo: this.versions.get(type) ?? '', responseNonce: this.nonces.get(type) ?? '', resourceNames: [...this.asked.get(type) ?? []], ...more,
    }))));
  }

  private ask(type: Type, names: readonly string[]): void {
    this.asked.set(type, names);
    this.request(type);
  }

  private follow(): void {
    this.want(RDS, [...this.held[LDS].values()].flatMap(({ message }) => {
      const specifier = managerOf(message as Listener)?.routeSpecifier;
      return specifier?.case === 'rds' ? [specifier.value.routeConfigName] : [];
    }));
    if (this.channels) this.want(CDS, this.named());
    this.want(EDS, [...this.held[CDS].values()].flatMap(({ message }) => (message as Cluster).edsClusterConfig?.serviceName ?? []));
  }

  private want(type: Type, all: readonly string[]): void {
    const names = [...new Set(all)].sort();
    const asked = this.asked.get(type);
    if ((asked ?? []).join() === names.join()) return;
    for (const name of [...this.held[type].keys()]) if (!names.includes(name)) this.held[type].delete(name);
    this.ask(type, names);
  }

  private inlineRoutes(): { message: RouteConfiguration }[] {
    return [...this.held[LDS].values()].flatMap(({ message }) => {
      const specifier = managerOf(message as Listener)?.routeSpecifier;
      return specifier?.case === 'routeConfig' ? [{ message: specifier.value }] : [];
    });
  }
}

function managerOf(listener: Listener) {
  const config = listener.filterChains[0]?.filters[0]?.configType;
  return unpackAnyAs(HttpConnectionManagerSchema, listener.apiListener?.apiListener ?? (config?.case === 'typedConfig' ? config.value : undefined));
}

function nameOf(message: Resource): string {
  return 'clusterName' in message ? message.clusterName as string : message.name;
}

function short(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

/** A response as a line: `Cluster a b`. */
export function lineOf({ typeUrl, resources }: DiscoveryResponse): string {
  return [short(typeUrl), ...resources.map((any) => nameOf(unpackAny(any)!.message as Resource))].join(' ');
}
