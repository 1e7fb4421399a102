import type { Clock } from '../../clock';
import {
  allChains, secretsOf, type DownstreamTlsConfig, type ListenerConfig, type ProxySnapshot, type SecretConfig, type TlsCommonConfig,
  type UpstreamTlsConfig,
} from '../config/types';
import type { Deadlines } from '../timer';
import { chooseTls, type Transport } from '../transport';
import { ClientTlsContext } from './client';
import { DownstreamTls } from './downstream';
import type { HandshakeFailure } from './failures';
import { ServerTlsContext } from './server';
import { sumOf, TlsStats } from './stats';
import { randomTicketSecret } from './ticket-keys';

export interface TlsContextsDependencies {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly deadlines: Deadlines;
  /** What keys of session tickets are derived from; the same in all workers. */
  readonly ticketSecret: Uint8Array | undefined;
  readonly failed: (failure: HandshakeFailure) => void;
  /** The raw backend of TLS did not pass its test. */
  readonly degraded: (reason: string) => void;
}

interface Made<T> {
  readonly config: TlsCommonConfig;
  readonly secrets: readonly (SecretConfig | undefined)[];
  readonly value: T;
}

/** The TLS contexts in force, by filter chain and by cluster. Each is made anew when its configuration or one of its secrets is another. */
export class TlsContexts {
  private readonly servers = new Map<string, Made<DownstreamTls>>();
  private readonly clients = new Map<string, Made<ClientTlsContext>>();
  private readonly serverStats = new Map<string, TlsStats>();
  private readonly clientStats = new Map<string, TlsStats>();
  private ticketSecret: Uint8Array | undefined;
  private chosen: Promise<void> | undefined;

  constructor(private readonly deps: TlsContextsDependencies) {
    this.ticketSecret = deps.ticketSecret;
  }

  /** Resolves when what a snapshot needs of the transport is known to work; at once where it has no TLS. */
  async ready(snapshot: ProxySnapshot): Promise<void> {
    const needed = [...snapshot.clusters.values()].some(({ transportSocket }) => transportSocket !== undefined)
      || [...snapshot.listeners.values()].some((listener) => allChains(listener).some(({ transportSocket }) => transportSocket !== undefined));
    if (needed) await (this.chosen ??= this.choose());
  }

  private async choose(): Promise<void> {
    const reason = await chooseTls(this.deps.transport, this.deps.clock);
    if (reason !== undefined) this.deps.degraded(reason);
  }

  /** @throws Error for a certificate that the runtime refuses. */
  server(key: string, config: DownstreamTlsConfig, secrets: ProxySnapshot['secrets']): DownstreamTls {
    return made(this.servers, key, config, secrets, () => {
      const { clock, transport, deadlines, failed } = this.deps;
      const context = new ServerTlsContext(config, secrets, { clock, ticketSecret: () => (this.ticketSecret ??= randomTicketSecret()) });
      return new DownstreamTls(context, config.handshakeTimeout, {
        transport, deadlines, now: () => clock.now(), name: key, stats: statsOf(this.serverStats, key), failed,
      });
    });
  }

  /** @throws Error for a certificate that the runtime refuses. */
  client(cluster: string, config: UpstreamTlsConfig, secrets: ProxySnapshot['secrets']): ClientTlsContext {
    return made(this.clients, cluster, config, secrets,
      () => new ClientTlsContext(config, secrets, this.deps.clock, statsOf(this.clientStats, cluster)));
  }

  /** Tells of a connection of a cluster that did not come about. */
  upstreamFailed(cluster: string, peer: string, failure: { readonly kind: HandshakeFailure['kind']; readonly text: string }): void {
    this.deps.failed({ side: 'upstream', name: cluster, peer, kind: failure.kind, reason: failure.text });
  }

  /** Forgets what a snapshot that is in force has no use for. */
  keep({ listeners, clusters }: ProxySnapshot): void {
    const chains = new Set([...listeners.values()].flatMap((listener) => allChains(listener).map(({ key }) => key)));
    for (const map of [this.servers, this.serverStats]) for (const key of map.keys()) if (!chains.has(key)) map.delete(key);
    for (const map of [this.clients, this.clientStats]) for (const key of map.keys()) if (!clusters.has(key)) map.delete(key);
  }

  /** What was counted at the filter chains of a listener. */
  ofListener(config: ListenerConfig): TlsStats | undefined {
    const all = allChains(config).map(({ key }) => this.serverStats.get(key)).filter((stats) => stats !== undefined);
    return all.length <= 1 ? all[0] : sumOf(all);
  }

  ofCluster(name: string): TlsStats | undefined {
    return this.clientStats.get(name);
  }
}

function made<T, C extends TlsCommonConfig>(
  known: Map<string, Made<T>>, key: string, config: C, secrets: ProxySnapshot['secrets'], make: () => T,
): T {
  const needed = secretsOf(config).map(([name]) => secrets.get(name));
  const before = known.get(key);
  if (before?.config === config && needed.every((secret, index) => secret === before.secrets[index])) return before.value;
  const value = make();
  known.set(key, { config, secrets: needed, value });
  return value;
}

function statsOf(all: Map<string, TlsStats>, key: string): TlsStats {
  let stats = all.get(key);
  if (stats === undefined) all.set(key, stats = new TlsStats());
  return stats;
}
