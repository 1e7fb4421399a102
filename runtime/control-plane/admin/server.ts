import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TrustProgress } from '../identity/trust-progress';
import type { StatusReport } from '../status';
import type { DebugConfig } from './debug-config';
import { statusPage } from './status-page';

/** What the pages are made of. Each is asked for when a page is. */
export interface AdminDeps {
  /** Names of the sources. */
  readonly source: string;
  /** Why the control plane does not serve yet; undefined once it does. */
  notReady(): string | undefined;
  status(): StatusReport;
  metrics(): string;
  /** Undefined without an authority. */
  identity(): TrustProgress | undefined;
  /** @returns a text that says why there is none. */
  debugConfig(query: URLSearchParams): DebugConfig | string;
  /** A page could not be made. */
  failed(error: Error): void;
}

const INDEX = `/ready                   200 once all sources are read
/healthz                 200 while the process answers
/status                  objects, proxies and what is wrong; HTML, or JSON by Accept or ?format=json
/metrics                 Prometheus
/identity                which proxies trust the roots that are handed out
/debug/config?node=NODE  the xDS of a connected proxy, or of <service>.<namespace>
`;

interface Page {
  readonly status: number;
  readonly type: 'text/plain' | 'text/html' | 'application/json' | 'text/plain; version=0.0.4';
  readonly body: string;
}

/** What kubelets and scrapers ask for. Everything else shows names and addresses of the mesh. */
const OPEN = ['/', '/healthz', '/ready', '/metrics'];

/** The admin server. It reads, and changes nothing. Pages that show the inside of the mesh are for whoever is on this machine. */
export class AdminServer {
  private readonly server: Server;

  constructor(private readonly deps: AdminDeps) {
    this.server = createServer((request, response) => this.serve(request, response));
    this.server.headersTimeout = 10_000;
    this.server.requestTimeout = 10_000;
  }

  /** @returns the port that was bound. */
  async listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(() => done()));
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const read = request.method === 'GET' || request.method === 'HEAD';
    const page = read ? this.safePage(request) : text(405, 'only GET and HEAD\n');
    const body = Buffer.from(page.body);
    response.writeHead(page.status, {
      'content-type': page.type === 'text/html' ? 'text/html; charset=utf-8' : page.type,
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      ...read ? {} : { allow: 'GET, HEAD' },
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  /** A page that fails costs only itself. */
  private safePage(request: IncomingMessage): Page {
    try {
      return this.page(request);
    } catch (error) {
      this.deps.failed(error as Error);
      return text(500, 'this page failed; the log says why\n');
    }
  }

  private page(request: IncomingMessage): Page {
    const target = request.url ?? '/';
    if (!URL.canParse(target, 'http://admin')) return text(400, 'the request target is no path\n');
    const { pathname, searchParams } = new URL(target, 'http://admin');
    if (!OPEN.includes(pathname) && !isLoopback(request.socket.remoteAddress)) {
      return text(403, `${pathname} is for this machine only; with kubectl port-forward it is yours\n`);
    }
    switch (pathname) {
      case '/':
        return text(200, INDEX);
      case '/healthz':
        return text(200, 'alive\n');
      case '/ready': {
        const reason = this.deps.notReady();
        return reason === undefined ? text(200, 'ready\n') : text(503, `${reason}\n`);
      }
      case '/status':
        return this.status(request, searchParams);
      case '/metrics':
        return { status: 200, type: 'text/plain; version=0.0.4', body: this.deps.metrics() };
      case '/identity': {
        const progress = this.deps.identity();
        return progress ? json(progress) : text(404, 'there is no authority\n');
      }
      case '/debug/config': {
        const found = this.deps.debugConfig(searchParams);
        return typeof found === 'string' ? text(404, `${found}\n`) : json(found);
      }
      default:
        return text(404, `${pathname} does not exist; there is\n${INDEX}`);
    }
  }

  private status({ headers }: IncomingMessage, query: URLSearchParams): Page {
    const report = this.deps.status();
    const format = query.get('format') ?? (/text\/html/.test(headers.accept ?? '') ? 'html' : 'json');
    return format === 'html' ? { status: 200, type: 'text/html', body: statusPage(report, this.deps.source) } : json(report);
  }
}

/** Whether an address of a peer is this machine's own: 127.0.0.0/8, also as IPv6 writes it, and ::1. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address);
}

function text(status: number, body: string): Page {
  return { status, type: 'text/plain', body };
}

function json(value: unknown): Page {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}
