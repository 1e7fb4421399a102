import { isIP } from 'node:net';
import type { Clock, Timer } from '../../clock';
import type { DecodedEndpoints, DnsConfig } from './decode';
import type { EndpointConfig } from './types';

/** Addresses of a host name. Rejects where there are none. */
export type Resolve = (name: string, families: DnsConfig['families']) => Promise<readonly string[]>;

/** Milliseconds for which an answer to the question of a name's addresses is good (RFC 1035 §3.2.1); undefined where that is not known. Never rejects. */
export type TimeToLive = (name: string, addresses: readonly string[]) => Promise<number | undefined>;

/** How names are resolved. */
export interface Resolver {
  readonly resolve: Resolve;
  /** Asked where a cluster respects it. */
  readonly timeToLive?: TimeToLive;
}

/** A name that may be asked for once more is asked for after so long at the earliest: some servers answer with a time of 0. */
const SHORTEST = 1000;

/**
 * Resolves the names of one STRICT_DNS cluster again and again and tells whenever the endpoints have changed. Every address of a name is an
 * endpoint, as in Envoy. A name that cannot be resolved keeps the addresses it had; one that never could has none. Each is asked for again
 * when its answer is no longer good, or after the interval; after a failure sooner, and then ever later.
 */
export class DnsEndpoints {
  private readonly known = new Map<string, readonly string[]>();
  private readonly failures = new Map<string, number>();
  private timer: Timer | undefined;
  private closed = false;
  private last = '';

  /**
   * @param changed called with the first answer, be it empty, and after every change.
   * @param failed called for a name that cannot be resolved.
   */
  constructor(
    private readonly endpoints: DecodedEndpoints,
    private readonly config: DnsConfig,
    private readonly clock: Clock,
    private readonly resolver: Resolver,
    private readonly changed: (endpoints: DecodedEndpoints) => void,
    private readonly failed: (name: string, error: Error) => void,
  ) {}

  async start(): Promise<void> {
    const all = new Set(this.endpoints.localities.flatMap((locality) => locality.endpoints.map((endpoint) => endpoint.address)));
    const names = [...all].filter((name) => isIP(name) === 0);
    const waits = await Promise.all(names.map(async (name) => this.ask(name)));
    if (this.closed) return;
    const answered = this.clock.now();
    const resolved = this.resolved();
    const key = JSON.stringify(resolved);
    if (key !== this.last) {
      this.last = key;
      this.changed(resolved);
    }
    if (names.length === 0) return;
    const timer = this.timer = this.again(Math.min(...waits));
    if (!this.config.respectTtl || !this.resolver.timeToLive) return;
    // What is known is used meanwhile: this question may take long where the DNS is not what the system asks.
    const good = await Promise.all(names.map(async (name, index) => (this.failures.has(name) ? waits[index]! : this.goodFor(name, waits[index]!))));
    if (this.closed || this.timer !== timer) return;
    timer.cancel();
    this.timer = this.again(Math.max(Math.min(...good) - (this.clock.now() - answered), 0));
  }

  private again(wait: number): Timer {
    return this.clock.setTimer(wait, () => void this.start());
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private async goodFor(name: string, otherwise: number): Promise<number> {
    const ttl = await this.resolver.timeToLive!(name, this.known.get(name) ?? []);
    return ttl === undefined ? otherwise : Math.max(ttl, SHORTEST);
  }

  /** Milliseconds until the name is to be asked for again, where nothing more is known. */
  private async ask(name: string): Promise<number> {
    const { families, refreshInterval } = this.config;
    try {
      const addresses = [...new Set(await this.resolver.resolve(name, families))].sort();
      this.known.set(name, addresses);
      this.failures.delete(name);
      return refreshInterval;
    } catch (error) {
      if (!this.closed) this.failed(name, error as Error);
      return this.afterFailure(name);
    }
  }

  private afterFailure(name: string): number {
    const { failureInterval, refreshInterval } = this.config;
    if (failureInterval === undefined) return refreshInterval;
    const before = this.failures.get(name) ?? 0;
    this.failures.set(name, before + 1);
    return Math.min(failureInterval.base * 2 ** before, failureInterval.max);
  }

  private resolved(): DecodedEndpoints {
    return {
      ...this.endpoints,
      localities: this.endpoints.localities.map((locality) => (
        { ...locality, endpoints: locality.endpoints.flatMap((endpoint) => this.each(endpoint)) })),
    };
  }

  private each(endpoint: EndpointConfig): EndpointConfig[] {
    if (isIP(endpoint.address) !== 0) return [endpoint];
    return (this.known.get(endpoint.address) ?? []).map((address) => ({ ...endpoint, address }));
  }
}
