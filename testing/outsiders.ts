import type { AddressBlock } from '../runtime/local/addresses';
import type { KubeObject } from '../runtime/local/types';
import type { Resolver } from '../runtime/proxy/config/dns';
import { StubServer, type StubServerDependencies } from './stub-service';

interface ExternalSpec {
  readonly hostname: string;
  readonly port: { readonly number: number; readonly protocol: string };
  readonly endpoints?: readonly { readonly address: string; readonly port?: number }[];
}

/** Something outside of the mesh, as a test plays it. */
export interface Outsider {
  readonly name: string;
  /** Which stub plays it. */
  readonly stub: string;
  readonly protocol: string;
}

/** Ports of a host that is played without one: http and https, which the network in memory answers alike. */
const WEB = [80, 443];

export interface OutsidersDependencies {
  /** Hosts that are played although no ExternalService names them, with or without a port: `login.example:8443`. */
  readonly hosts: readonly string[];
  readonly addresses: AddressBlock;
  /** What takes its requests or connections. */
  readonly server: (outsider: Outsider) => Pick<StubServerDependencies, 'transport' | 'clock' | 'answer' | 'bytes'>;
  /** Servers are played; without it there are only names. */
  readonly played: boolean;
}

/** What is outside of the mesh, and what the DNS says of it. */
export class Outsiders {
  readonly resolver: Resolver = { resolve: async (name) => this.addressesOf(name) };
  private readonly servers = new Map<string, StubServer>();
  private readonly known = new Map<string, readonly string[]>();
  /** What a test has said; null: nothing is known of the name. */
  private readonly said = new Map<string, readonly string[] | null>();

  constructor(private readonly deps: OutsidersDependencies) {}

  /** Each host, and each ExternalService of these, has an address of its own, at which it is served. */
  async update(objects: readonly KubeObject[]): Promise<void> {
    for (const host of this.deps.hosts) {
      const [name, port] = host.split(':');
      const address = this.known.get(name)?.[0] ?? this.addressOf(name);
      this.known.set(name, [address]);
      for (const each of port === undefined ? WEB : [Number(port)]) await this.serve({ name, stub: host, protocol: 'http' }, address, each);
    }
    for (const { kind, metadata, spec } of objects) {
      if (kind !== 'ExternalService') continue;
      const { hostname, port, endpoints } = spec as unknown as ExternalSpec;
      const own = this.addressOf(hostname);
      this.known.set(hostname, [own]);
      const places = endpoints?.map((one) => ({ address: one.address, port: one.port ?? port.number })) ?? [{ address: own, port: port.number }];
      const outsider = { name: metadata.name, stub: metadata.name, protocol: port.protocol };
      for (const place of places) await this.serve(outsider, place.address, place.port);
    }
  }

  async close(): Promise<void> {
    for (const server of this.servers.values()) await server.close();
    this.servers.clear();
  }

  private async serve(outsider: Outsider, address: string, port: number): Promise<void> {
    const key = `${address}:${port}`;
    if (!this.deps.played || this.servers.has(key)) return;
    const server = new StubServer(this.deps.server(outsider));
    this.servers.set(key, server);
    await server.listen(address, port);
  }

  addressOf(hostname: string): string {
    return this.deps.addresses.pod(`outside ${hostname}`);
  }

  say(hostname: string, addresses: readonly string[] | null): void {
    this.said.set(hostname, addresses);
  }

  private addressesOf(name: string): readonly string[] {
    const said = this.said.get(name);
    const addresses = said === undefined ? this.known.get(name) : said;
    if (!addresses) throw new Error(`getaddrinfo ENOTFOUND ${name}`);
    return addresses;
  }
}
