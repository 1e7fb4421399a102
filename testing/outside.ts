import type { Clock } from '../runtime/clock';
import { jwksUriIn } from '../runtime/control-plane/openid';
import { discoveryUrl } from '../runtime/control-plane/resolve';
import type { DecodedEndpoints } from '../runtime/proxy/config/decode';
import type { Transport } from '../runtime/proxy/transport';
import { bodyBytes, type Message } from './http1';
import { StubServer, type Stub, type StubRequest } from './stub-service';

/** Addresses of hosts outside of the mesh: of a block that is nobody's (RFC 5737), which no pod has. */
const BLOCK = '198.51.100.';

export interface OutsideDependencies {
  readonly hosts: Readonly<Record<string, Stub>>;
  readonly clock: Clock;
  /** Undefined where hosts have addresses of their own: real sockets. */
  readonly transport: ((address: string) => Transport) | undefined;
  /** A request came. */
  readonly arrived: (request: StubRequest) => void;
}

/** What is outside of the mesh, played by functions: by host, or host and port. The network in memory has no TLS: http and https are answered alike. */
export class OutsideHosts {
  private readonly addresses = new Map<string, string>();
  private readonly servers = new Map<string, StubServer>();

  constructor(private readonly deps: OutsideDependencies) {}

  /** Endpoints by address: each that has a name is played by the function of that name, and is not there where none has it. */
  resolve(endpoints: DecodedEndpoints): DecodedEndpoints {
    return {
      ...endpoints,
      localities: endpoints.localities.map((locality) => ({
        ...locality, endpoints: locality.endpoints.flatMap((endpoint) => {
          const address = this.listen(endpoint.address, endpoint.port);
          return address === undefined ? [] : [{ ...endpoint, address }];
        }),
      })),
    };
  }

  /** Where OpenID providers have their keys, as they say it; of those that say nothing, nothing. */
  async keysOf(issuers: Iterable<string>): Promise<Map<string, string>> {
    const known = new Map<string, string>();
    for (const issuer of issuers) {
      try {
        known.set(issuer, jwksUriIn(await this.document(discoveryUrl(issuer)), issuer));
      } catch {
        // The control plane logs it and asks again; here the next update does.
      }
    }
    return known;
  }

  async close(): Promise<void> {
    for (const server of this.servers.values()) await server.close();
    this.servers.clear();
  }

  private async document(url: string): Promise<string> {
    const { hostname, port, protocol, pathname } = new URL(url);
    const stub = this.stubOf(hostname, port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port));
    if (stub === undefined) throw new Error(`${hostname} is not played`);
    const answer = await stub(this.request(hostname, { method: 'GET', target: pathname, headers: { host: hostname }, body: '', bytes: Buffer.alloc(0), trailers: {} }));
    if (typeof answer === 'string' || (answer.status ?? 200) !== 200) throw new Error(`${url} is not answered`);
    return bodyBytes(answer.body).toString('utf8');
  }

  private stubOf(host: string, port: number): Stub | undefined {
    return this.deps.hosts[`${host}:${port}`] ?? this.deps.hosts[host];
  }

  /** The host's address, at which it listens from now on. */
  private listen(host: string, port: number): string | undefined {
    const { transport, clock } = this.deps;
    if (transport === undefined || this.stubOf(host, port) === undefined) return undefined;
    let address = this.addresses.get(host);
    if (address === undefined) this.addresses.set(host, address = `${BLOCK}${this.addresses.size + 1}`);
    const key = `${host}:${port}`;
    if (!this.servers.has(key)) {
      const server = new StubServer({
        transport: transport(address), clock, bytes: () => undefined,
        answer: (message) => this.stubOf(host, port)!(this.request(host, message)),
      });
      this.servers.set(key, server);
      void server.listen(address, port);
    }
    return address;
  }

  private request(host: string, message: Pick<Message, 'method' | 'target' | 'headers' | 'body' | 'bytes' | 'trailers'>): StubRequest {
    const { method, target: path, headers, body, bytes, trailers } = message;
    const request: StubRequest = {
      method, path, headers, body, bytes, trailers, service: host, version: '', pod: host, region: undefined, at: this.deps.clock.now(),
      call: async () => { throw new Error(`${host} is outside of the mesh: it has no proxy to call by`); },
    };
    this.deps.arrived(request);
    return request;
  }
}
