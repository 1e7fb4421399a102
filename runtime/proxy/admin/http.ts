import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { listenHttp, type Listening } from './listen';

/** What a handler answers. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly help: string;
  readonly handle: (query: URLSearchParams) => Answer | Promise<Answer>;
}

/** Routes by path. */
export type Routes = ReadonlyMap<string, Route>;

export function text(body: string, status = 200): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value, undefined, 1)}\n` };
}

/** A server of a few pages for operators and probes. */
export class OperatorServer {
  private constructor(private readonly server: Server, private readonly listening: Listening) {}

  get port(): number {
    return this.listening.port;
  }

  /**
   * @param guarded refuses requests that name the server by anything but an address or `localhost`, so that a web page cannot reach it through a
   * name of its own, and changes that a web page asks for.
   */
  static async listen(host: string, port: number, routes: Routes, guarded: boolean): Promise<OperatorServer> {
    const server = createServer({ keepAliveTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8_192 }, (request, response) => {
      request.resume();
      void answer(request, routes, guarded).then((made) => reply(response, made, request.method === 'HEAD'));
    });
    return new OperatorServer(server, await listenHttp(server, host, port));
  }

  async close(): Promise<void> {
    this.listening.stop();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

async function answer(request: IncomingMessage, routes: Routes, guarded: boolean): Promise<Answer> {
  if (guarded && !isLocalName(request.headers.host ?? '')) return text('this server answers to its address only\n', 403);
  // Not by URL, which throws for targets such as `//` that any client may send.
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const route = routes.get(path);
  if (!route) return text(`no such page: ${path}\n`, 404);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (method !== route.method) return text(`${path} wants ${route.method}\n`, 405);
  // Browsers name the page that posts, and no page has any business here.
  if (guarded && method === 'POST' && request.headers.origin !== undefined) return text('this server takes nothing from web pages\n', 403);
  try {
    return await route.handle(new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)));
  } catch (error) {
    return text(`${(error as Error).message}\n`, 500);
  }
}

function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isIP(name) !== 0;
}

function reply(response: ServerResponse, { status, type, body }: Answer, headOnly: boolean): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-cache, max-age=0', 'x-content-type-options': 'nosniff',
  });
  response.end(headOnly ? undefined : bytes);
}
