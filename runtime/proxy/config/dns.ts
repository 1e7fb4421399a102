import { isIP } from 'node:net';
import type { Clock, Timer } from '../../clock';
import type { DecodedEndpoints, DnsConfig } from './decode';
import type { EndpointConfig } from './types';

/** Addresses of a host name. Rejects where there are none. */
export type Resolve = (name: string, families: DnsConfig['families']) => Promise<readonly string[]>;

/**
 * Resolves the names of one STRICT_DNS cluster again and again and tells whenever the endpoints have changed. Every address of a name is an
 * endpoint, as in Envoy. A name that cannot be resolved keeps the addresses it had; one that never could has none.
 */
export class DnsEndpoints {
  private readonly known = new Map<string, readonly string[]>();
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
    private readonly resolve: Resolve,
    private readonly changed: (endpoints: DecodedEndpoints) => void,
    private readonly failed: (name: string, error: Error) => void,
  ) {}

  async start(): Promise<void> {
    const names = new Set(this.endpoints.localities.flatMap((locality) => locality.endpoints.map((endpoint) => endpoint.address)));
    await Promise.all([...names].filter((name) => isIP(name) === 0).map(async (name) => {
      try {
        const addresses = await this.resolve(name, this.config.families);
        this.known.set(name, [...new Set(addresses)].sort());
      } catch (error) {
        if (!this.closed) this.failed(name, error as Error);
      }
    }));
    if (this.closed) return;
    const resolved = this.resolved();
    const key = JSON.stringify(resolved);
    if (key !== this.last) {
      this.last = key;
      this.changed(resolved);
    }
    this.timer = this.clock.setTimer(this.config.refreshInterval, () => void this.start());
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
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
