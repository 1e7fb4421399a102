import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../clock';
import { LineReader } from './lines';
import { ApiError, type ApiRequest, type KubernetesApi, type WatchEvent, type WatchHandlers } from './types';

/** How the API is reached: asked for before every request, because tokens and certificates are renewed. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'servername' | 'rejectUnauthorized'>;
  /** Through a proxy; instead of connections of its own. */
  readonly agent?: HttpAgent;
}

export interface HttpApiOptions {
  /** `https://10.96.0.1:443`, without a slash at its end. */
  readonly server: string;
  readonly clock: Clock;
  readonly credentials: () => Promise<Credentials>;
}

const REQUEST_TIMEOUT = 30_000;
/** Milliseconds without a sign of life after which the system asks whether the other end is still there. */
const KEEP_ALIVE = 15_000;

type Answer = { readonly response: IncomingMessage; readonly request: ClientRequest };

/**
 * The API over HTTP/1.1. Of the official client it takes what knows of clusters and users; the requests are made here, because its own watch passes
 * over lines that it cannot read and does not notice a connection that died.
 */
export class HttpKubernetesApi implements KubernetesApi {
  readonly server: string;
  private readonly base: URL;
  private agent: HttpAgent | undefined;
  private tls: Credentials['tls'] | undefined;
  private readonly open = new Set<ClientRequest>();
  private closed = false;

  constructor(private readonly options: HttpApiOptions) {
    this.server = options.server;
    this.base = new URL(options.server);
  }

  async request<T>(request: ApiRequest): Promise<T> {
    const { timeout = REQUEST_TIMEOUT } = request;
    return new Promise<T>((resolve, reject) => {
      let sent: ClientRequest | undefined;
      const late = this.options.clock.setTimer(timeout, () => {
        reject(new ApiError(0, 'Timeout', `${request.method} ${request.path}: no answer for ${timeout} ms`));
        sent?.destroy();
      });
      this.exchange<T>(request, (made) => { sent = made; }).then(resolve, reject).finally(() => late.cancel());
    });
  }

  watch(path: string, handlers: WatchHandlers): { close(): void } {
    let over = false;
    let sent: ClientRequest | undefined;
    let timer: Timer | undefined;
    const end = (error: ApiError | undefined) => {
      if (over) return;
      over = true;
      timer?.cancel();
      sent?.destroy();
      handlers.ended(error);
    };
    const alive = () => {
      timer?.cancel();
      timer = this.options.clock.setTimer(handlers.idle, () => end(new ApiError(0, 'Timeout', `GET ${path}: no byte for ${handlers.idle} ms`)));
    };
    alive();
    const lines = new LineReader((line) => { if (!over) handlers.event(JSON.parse(line) as WatchEvent); });
    this.send({ method: 'GET', path, accept: handlers.accept }, (made) => {
      sent = made;
      if (over) made.destroy();
    }).then(({ response }) => {
      if (over) return;
      if (response.statusCode !== 200) {
        this.bodyOf(response).then((body) => end(failure('GET', path, response, body)), (error: Error) => end(unreached('GET', path, error)));
        return;
      }
      handlers.started();
      response.on('data', (chunk: Buffer) => {
        if (over) return;
        alive();
        try {
          lines.push(chunk);
        } catch (error) {
          // What cannot be read may have said anything: only a new list tells.
          end(new ApiError(410, 'Expired', `GET ${path}: a line of the watch cannot be read: ${(error as Error).message}`));
        }
      });
      response.on('end', () => end(undefined));
      response.on('error', (error) => end(unreached('GET', path, error)));
    }, (error: ApiError) => end(error));
    return {
      close: () => {
        over = true;
        timer?.cancel();
        sent?.destroy();
      },
    };
  }

  close(): void {
    this.closed = true;
    for (const request of this.open) request.destroy();
    this.agent?.destroy();
  }

  private async exchange<T>(request: ApiRequest, made: (request: ClientRequest) => void): Promise<T> {
    const { method, path } = request;
    const { response } = await this.send(request, made);
    let body: string;
    try {
      body = await this.bodyOf(response);
    } catch (error) {
      throw unreached(method, path, error as Error);
    }
    if (response.statusCode! >= 300) throw failure(method, path, response, body);
    try {
      return JSON.parse(body) as T;
    } catch {
      throw new ApiError(response.statusCode!, 'NotJson', `${method} ${path}: the answer is no JSON; is ${this.server} a Kubernetes API?`);
    }
  }

  private async send(request: ApiRequest, made: (request: ClientRequest) => void): Promise<Answer> {
    let credentials: Credentials;
    try {
      credentials = await this.options.credentials();
    } catch (error) {
      throw new ApiError(0, 'Credentials', `${request.method} ${request.path}: no credentials for ${this.server}: ${(error as Error).message}`);
    }
    for (;;) {
      if (this.closed) throw new ApiError(0, 'Closed', `${request.method} ${request.path}: the control plane is ending`);
      try {
        return await this.attempt(request, credentials, made);
      } catch (error) {
        const { code, reused } = error as { code?: string; reused?: boolean };
        // The server closed a connection that was kept while the request was on its way: nothing of it was read.
        if (reused && (code === 'ECONNRESET' || code === 'EPIPE')) continue;
        throw unreached(request.method, request.path, error as Error);
      }
    }
  }

  private async attempt(request: ApiRequest, { headers, tls, agent }: Credentials, made: (request: ClientRequest) => void): Promise<Answer> {
    const { method, path, body, contentType = 'application/json', accept = 'application/json' } = request;
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const secure = this.base.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const sent = (secure ? httpsRequest : httpRequest)({
        method,
        host: this.base.hostname.replace(/^\[|\]$/g, ''),
        port: this.base.port || (secure ? 443 : 80),
        path: `${this.base.pathname.replace(/\/$/, '')}${path}`,
        agent: agent ?? this.agentFor(tls, secure),
        headers: {
          ...headers, accept, 'user-agent': 'meshwright-control-plane', ...bytes && { 'content-type': contentType, 'content-length': bytes.length },
        },
      });
      this.open.add(sent);
      sent.once('close', () => this.open.delete(sent));
      sent.once('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE));
      sent.once('error', (error) => reject(Object.assign(error, { reused: sent.reusedSocket })));
      sent.once('response', (response) => resolve({ response, request: sent }));
      made(sent);
      sent.end(bytes);
    });
  }

  /** Connections are kept, and made anew when what proves the two ends to each other has changed. */
  private agentFor(tls: Credentials['tls'], secure: boolean): HttpAgent {
    if (this.agent && isDeepStrictEqual(this.tls, tls)) return this.agent;
    // A request under way keeps its connection; idle ones end by themselves.
    this.tls = tls;
    const kept = { keepAlive: true, timeout: 0, maxFreeSockets: 4 };
    this.agent = secure ? new HttpsAgent({ ...kept, ...tls }) : new HttpAgent(kept);
    return this.agent;
  }

  private async bodyOf(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  }
}

function unreached(method: string, path: string, error: Error): ApiError {
  if (error instanceof ApiError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new ApiError(0, code ?? 'Unreached', `${method} ${path}: ${error.message || code}`);
}

interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/** The API's own words for a failure. */
function failure(method: string, path: string, response: IncomingMessage, body: string): ApiError {
  const status = statusOf(body);
  const seconds = status?.details?.retryAfterSeconds ?? Number(response.headers['retry-after'] ?? NaN);
  const said = status?.message ?? body.slice(0, 200).trim();
  return new ApiError(
    response.statusCode!, status?.reason ?? response.statusMessage ?? '', `${method} ${path}: ${response.statusCode} ${said}`, Number.isFinite(seconds) ? seconds * 1000 : undefined,
  );
}

function statusOf(body: string): Status | undefined {
  try {
    return JSON.parse(body) as Status;
  } catch {
    return undefined;
  }
}
