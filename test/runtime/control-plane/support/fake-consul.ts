import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** An instance as a test writes it. */
export interface FakeInstance {
  readonly address: string;
  readonly port: number;
  readonly status?: 'passing' | 'warning' | 'critical';
  readonly zone?: string;
  readonly tags?: readonly string[];
}

interface Held {
  readonly response: ServerResponse;
  readonly service: string;
  readonly index: number;
  readonly tags: readonly string[];
}

/**
 * A fake of Consul's agent: `/v1/health/service/:name` with blocking queries by index, tags and an ACL token, over loopback. A real Consul is not part
 * of these tests; this answers in its form (https://developer.hashicorp.com/consul/api-docs/health).
 */
export class FakeConsul {
  private readonly services = new Map<string, readonly FakeInstance[]>();
  private readonly held = new Set<Held>();
  private readonly waiting = new Set<() => void>();
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  /** `GET` with its query, each. */
  readonly queries: URLSearchParams[] = [];
  readonly tokens = new Set<string | undefined>();
  index = 10;
  port = 0;
  /** Answers everything so. */
  broken: { status: number; body: string } | undefined;
  /** The header X-Consul-Index is left out. */
  withoutIndex = false;

  static async start(services: Record<string, readonly FakeInstance[]> = {}): Promise<FakeConsul> {
    const made = new FakeConsul();
    for (const [name, instances] of Object.entries(services)) made.services.set(name, instances);
    await made.listen();
    return made;
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => this.serve(request, response));
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((done) => server.listen(this.port, '127.0.0.1', done));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  async stop(): Promise<void> {
    this.held.clear();
    for (const socket of this.sockets) socket.resetAndDestroy();
    const { server } = this;
    this.server = undefined;
    await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
  }

  put(service: string, instances: readonly FakeInstance[]): void {
    this.services.set(service, instances);
    this.touch();
  }

  /** Something else has changed: the index moves, and everybody is answered with what there was. */
  touch(index = this.index + 1): void {
    this.index = index;
    for (const held of [...this.held]) this.answer(held);
  }

  get waitingQueries(): number {
    return this.held.size;
  }

  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((done) => {
      const check = () => {
        if (!holds()) return;
        this.waiting.delete(check);
        done();
      };
      this.waiting.add(check);
    });
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url!, 'http://consul');
    this.queries.push(searchParams);
    this.tokens.add(request.headers['x-consul-token'] as string | undefined);
    const service = decodeURIComponent(/^\/v1\/health\/service\/([^/]+)$/.exec(pathname)?.[1] ?? '');
    if (this.broken) {
      response.writeHead(this.broken.status).end(this.broken.body);
    } else if (service === '') {
      response.writeHead(404).end();
    } else {
      const held: Held = { response, service, index: Number(searchParams.get('index') ?? 0), tags: searchParams.getAll('tag') };
      this.held.add(held);
      response.once('close', () => this.held.delete(held));
      if (held.index < this.index) this.answer(held);
    }
    for (const check of [...this.waiting]) check();
  }

  private answer(held: Held): void {
    this.held.delete(held);
    const found = (this.services.get(held.service) ?? []).filter(({ tags = [] }) => held.tags.every((tag) => tags.includes(tag)));
    held.response.writeHead(200, { 'content-type': 'application/json', ...this.withoutIndex ? {} : { 'x-consul-index': `${this.index}` } });
    held.response.end(JSON.stringify(found.map(({ address, port, status = 'passing', zone, tags = [] }, number) => ({
      Node: { ID: `node-${number}`, Node: `vm-${number}`, Address: address, Datacenter: 'dc1', Meta: zone === undefined ? {} : { zone } },
      Service: { ID: `${held.service}-${number}`, Service: held.service, Tags: tags, Address: '', Port: port, Weights: { Passing: 1, Warning: 1 } },
      Checks: [{ CheckID: 'serfHealth', Status: 'passing' }, { CheckID: 'service', Status: status }],
    }))));
  }
}
