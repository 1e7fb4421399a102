import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** One try of a request, as a backend saw it. */
export interface Seen {
  readonly backend: string;
  readonly address: string;
  readonly method: string;
  readonly path: string;
  /** Name and value, as they came. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly bodyBytes: number;
  readonly bodyDigest: string;
}

/** What a request asks its backend, or the one that `x-behave-of` names, to do instead of an echo: `x-behave: status=503;times=2`. */
interface Behaviour {
  readonly status?: number;
  /** Do so for the first so many tries of the request only. */
  readonly times: number;
  /** Never answer, until the caller gives up or `release` is called. */
  readonly hang: boolean;
  /** Close the connection without an answer. */
  readonly reset: boolean;
  /** Bytes of the answer's body. */
  readonly bytes?: number;
  /** Send the body without a Content-Length. */
  readonly chunked: boolean;
}

function behaviour(text: string): Behaviour {
  const fields = new Map(text.split(';').map((field): [string, string] => [field.split('=')[0], field.split('=')[1] ?? '']));
  const number = (name: string) => (fields.has(name) ? Number(fields.get(name)) : undefined);
  return {
    status: number('status'),
    times: number('times') ?? Infinity,
    bytes: number('bytes'),
    hang: fields.has('hang'),
    reset: fields.has('reset'),
    chunked: fields.has('chunked'),
  };
}

/** The services behind the proxies: each says what it received as JSON, and remembers it by the request's `x-case`. */
export class Backends {
  private readonly servers: Server[] = [];
  private readonly seen = new Map<string, Seen[]>();
  private readonly waiting: Array<{ name: string; tries: number; resolve: () => void }> = [];
  private readonly hanging = new Map<string, ServerResponse[]>();

  async listen(backend: string, address: string, port: number): Promise<void> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => this.serve(backend, address, request, response));
    // Whatever a proxy does with a connection is its own affair.
    server.on('clientError', (_, socket) => socket.destroy());
    server.listen(port, address);
    await once(server, 'listening');
    this.servers.push(server);
  }

  /** Resolves when so many tries of a request have arrived. */
  async arrived(name: string, tries: number): Promise<void> {
    if (this.tries(name).length >= tries) return;
    await new Promise<void>((resolve) => this.waiting.push({ name, tries, resolve }));
  }

  /** The tries of a request, in order. */
  tries(name: string): readonly Seen[] {
    return this.seen.get(name) ?? [];
  }

  /** Answers every request of that name that hangs. */
  release(name: string): void {
    for (const response of this.hanging.get(name) ?? []) response.end('released');
    this.hanging.delete(name);
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      return closed;
    }));
  }

  private serve(backend: string, address: string, request: IncomingMessage, response: ServerResponse): void {
    const digest = createHash('sha256');
    let bodyBytes = 0;
    request.on('data', (chunk: Buffer) => {
      bodyBytes += chunk.length;
      digest.update(chunk);
    });
    request.on('error', () => {});
    request.on('end', () => {
      const { rawHeaders, method, url } = request;
      const headers = rawHeaders.flatMap((name, index): Array<[string, string]> => (index % 2 === 0 ? [[name, rawHeaders[index + 1]]] : []));
      const seen: Seen = { backend, address, method: method!, path: url!, headers, bodyBytes, bodyDigest: digest.digest('hex').slice(0, 16) };
      const name = String(request.headers['x-case'] ?? '');
      const tries = [...this.tries(name), seen];
      this.seen.set(name, tries);
      const done = this.waiting.filter((waiter) => waiter.name === name && waiter.tries <= tries.length);
      const meant = request.headers['x-behave-of'] ?? backend;
      this.answer(seen, name, tries.length, behaviour(meant === backend ? String(request.headers['x-behave'] ?? '') : ''), response);
      done.forEach(({ resolve }) => resolve());
    });
  }

  private answer(seen: Seen, name: string, attempt: number, behave: Behaviour, response: ServerResponse): void {
    const misbehaves = attempt <= behave.times;
    if (misbehaves && behave.reset) {
      response.socket!.destroy();
      return;
    }
    if (misbehaves && behave.hang) {
      this.hanging.set(name, [...this.hanging.get(name) ?? [], response]);
      return;
    }
    const body = behave.bytes === undefined ? Buffer.from(JSON.stringify({ backend: seen.backend, method: seen.method, path: seen.path, bodyBytes: seen.bodyBytes })) : Buffer.alloc(behave.bytes, 'x');
    response.statusCode = misbehaves ? behave.status ?? 200 : 200;
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-backend', seen.backend);
    response.setHeader('x-host', seen.address);
    response.setHeader('x-set', 'old');
    response.setHeader('x-add', 'first');
    response.setHeader('x-remove', 'gone');
    const empty = [204, 304].includes(response.statusCode);
    // Of what is sent, so that the client can see whether it arrived.
    response.setHeader('x-digest', createHash('sha256').update(empty ? '' : body).digest('hex').slice(0, 16));
    if (!behave.chunked && !empty) response.setHeader('content-length', body.length);
    response.end(empty ? undefined : body);
  }
}
