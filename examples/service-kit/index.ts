/**
 * What the services of the examples have in common: JSON over node:http, calls to other services by name through the pod's proxy, a switch for
 * faults. A service of yours needs none of it: it listens on its port, and its HTTP client honours HTTP_PROXY.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { startControl } from './control';
import { Upstream } from './upstream';

export type { UpstreamAnswer } from './upstream';

export interface ServiceRequest {
  /** Parts of the path that the route's `:names` matched. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined where there is no body. */
  readonly body: unknown;
  /** Other services. The trace and the request's id go with every call. */
  readonly upstream: Upstream;
}

export interface ServiceAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export type Handler = (request: ServiceRequest) => ServiceAnswer | Promise<ServiceAnswer>;

const SLOW = 3000;
const LARGEST_BODY = 64 * 1024;

/** Starts a service. Routes are `GET /orders/:id`. It ends on SIGTERM, after what is in flight. */
export function startService(name: string, routes: Readonly<Record<string, Handler>>): void {
  const { HOST = '0.0.0.0', PORT = '8080' } = process.env;
  const table = Object.entries(routes).map(([route, handler]) => compile(route, handler));
  const fault = startControl(name);

  const server = createServer((request, response) => {
    void serve(request, response).catch((error: Error) => {
      if (!response.headersSent) send(response, { status: 502, body: { error: error.message } });
      else response.destroy();
    });
  });
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (fault() === 'fail') return send(response, { status: 503, body: { error: `${name} fails, as it was told to` } });
    if (fault() === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW));
    const url = new URL(request.url!, 'http://service');
    for (const { method, pattern, handler } of table) {
      const match = method === request.method ? pattern.exec(url.pathname) : null;
      if (!match) continue;
      const params = { ...match.groups };
      send(response, await handler({ params, query: url.searchParams, headers: request.headers, body, upstream: new Upstream(request.headers) }));
      return;
    }
    if (url.pathname === '/' && request.method === 'GET') return send(response, { body: { service: name, routes: Object.keys(routes) } });
    send(response, { status: 404, body: { error: `${name} has ${Object.keys(routes).join(', ')}` } });
  }

  // A pooled connection of the proxy must not end under a request that it just sent.
  server.keepAliveTimeout = 0;
  server.listen(Number(PORT), HOST, () => console.log(`${name} listens on ${HOST}:${PORT}`));
  server.on('error', fatal);
  process.once('SIGTERM', () => end(server));
}

function end(server: Server): void {
  server.close();
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), 5000).unref();
}

function fatal(error: Error): never {
  console.error(error.message);
  process.exit(1);
}

function compile(route: string, handler: Handler): { method: string; pattern: RegExp; handler: Handler } {
  const [method, path] = route.split(' ') as [string, string];
  const pattern = new RegExp(`^${path.replace(/:([a-z]+)/g, '(?<$1>[^/]+)')}$`);
  return { method, pattern, handler };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) {
    text += chunk as string;
    if (text.length > LARGEST_BODY) throw new Error('the body is too long');
  }
  return text === '' ? undefined : JSON.parse(text) as unknown;
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: ServiceAnswer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers }).end(text);
}
