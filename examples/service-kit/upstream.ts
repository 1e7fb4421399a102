import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { callGrpc } from './grpc';

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined where there is none. */
  readonly body: unknown;
}

export interface UpstreamOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What ties a call to the request that caused it (W3C Trace Context, and the id that logs show). */
const PROPAGATED = ['traceparent', 'tracestate', 'x-request-id', 'x-user'] as const;

const agent = new Agent({ keepAlive: true });

/** Calls other services by their names. There is no retry, timeout or address here: that is the mesh's part. */
export class Upstream {
  constructor(private readonly incoming: IncomingHttpHeaders) {}

  /** Calls `shop.v1.Inventory/Reserve` of a service by its name. @throws GrpcError for any status but OK */
  async grpc(service: string, method: string, message: object): Promise<any> {
    return callGrpc(service, method, message, this.carried());
  }

  private carried(): Record<string, string> {
    return Object.fromEntries(PROPAGATED.flatMap((name) => (typeof this.incoming[name] === 'string' ? [[name, this.incoming[name]]] : [])));
  }

  /** `http://payment/payments`, by way of the proxy that HTTP_PROXY names. */
  async call(url: string, { method = 'GET', headers = {}, body }: UpstreamOptions = {}): Promise<UpstreamAnswer> {
    const { host } = new URL(url);
    const proxy = process.env.HTTP_PROXY === undefined ? undefined : new URL(process.env.HTTP_PROXY);
    const target = proxy ?? new URL(url);
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = httpRequest({
        host: target.hostname,
        port: target.port || 80,
        method,
        // With a proxy the request line holds the whole URL (RFC 9112 §3.2.2).
        path: proxy ? url : `${target.pathname}${target.search}`,
        agent,
        headers: { host, ...this.carried(), ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers },
      }, (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => { answer += chunk; });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: parse(answer) }));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text === '' ? undefined : text;
  }
}
