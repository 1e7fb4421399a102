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
  readonly protocol: string;
}

export interface OutsidersDependencies {
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

  /** Of these, each hostname has an address of its own, at which it is served. */
  async update(objects: readonly KubeObject[]): Promise<void> {
    for (const { kind, metadata, spec } of objects) {
      if (kind !== 'ExternalService') continue;
      const { hostname, port, endpoints } = spec as unknown as ExternalSpec;
      const own = this.addressOf(hostname);
      this.known.set(hostname, [own]);
      if (!this.deps.played) continue;
      const places = endpoints?.map((one) => ({ address: one.address, port: one.port ?? port.number })) ?? [{ address: own, port: port.number }];
      for (const place of places) {
        const key = `${place.address}:${place.port}`;
        if (this.servers.has(key)) continue;
        const server = new StubServer(this.deps.server({ name: metadata.name, protocol: port.protocol }));
        this.servers.set(key, server);
        await server.listen(place.address, place.port);
      }
    }
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
