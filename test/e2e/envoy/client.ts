import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { Case } from './table';

export interface Answer {
  readonly status: number;
  /** Name and value, as they came. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly bodyBytes: number;
  readonly bodyDigest: string;
  readonly body: string;
  /** Whether the connection stays open for the next request. */
  readonly kept: boolean;
}

/** Where a proxy listens. */
export interface Target {
  readonly address: string;
  readonly port: number;
  /** Keeps connections of this target. */
  readonly agent: Agent;
}

/** Address that the requests come from: the proxies see it as the client's. */
const SOURCE = '127.76.0.1';

/** Sends the request of a case; `id` tells the backends whose tries they see. */
export function send({ address, port, agent }: Target, { host = 'shop', method = 'GET', path = '/', headers = {}, body, absolute = false }: Partial<Case>, id: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined || body.chunked ? {} : { 'content-length': String(body.bytes) };
    const sent = request({
      host: address,
      port,
      method,
      path: absolute ? `http://${host}${path}` : path,
      agent,
      localAddress: SOURCE,
      headers: { host, 'x-case': id, 'user-agent': 'differential/1', ...length, ...headers, ...(body?.chunked ? { 'transfer-encoding': 'chunked' } : {}) },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { rawHeaders } = response;
        const all = Buffer.concat(chunks);
        // Node gives the connection back to its agent after this event, unless it is to be closed.
        setImmediate(() => resolve({
          kept: Object.values(agent.freeSockets).some((sockets) => (sockets?.length ?? 0) > 0),
          status: response.statusCode!,
          headers: rawHeaders.flatMap((name, index): Array<[string, string]> => (index % 2 === 0 ? [[name, rawHeaders[index + 1]]] : [])),
          bodyBytes: all.length,
          bodyDigest: createHash('sha256').update(all).digest('hex').slice(0, 16),
          body: all.subarray(0, 2000).toString('latin1'),
        }));
      });
    });
    sent.end(body === undefined ? undefined : Buffer.alloc(body.bytes, 'b'));
  });
}
