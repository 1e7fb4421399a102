import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import * as z from 'zod';
import type { Clock } from '../../../clock';

/** What is asked for: a service as Consul knows it. */
export interface ConsulQuery {
  readonly service: string;
  /** That of the agent without it. */
  readonly datacenter: string | undefined;
  /** Instances that have all of them. */
  readonly tags: readonly string[];
}

/** An instance of a service, as far as it is read here: https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service. */
const instance = z.looseObject({
  Node: z.looseObject({
    Address: z.string().optional(),
    Meta: z.record(z.string(), z.string()).nullish(),
    Locality: z.looseObject({ Zone: z.string().optional() }).nullish(),
  }),
  Service: z.looseObject({
    Address: z.string().optional(),
    Port: z.int().min(0).max(65_535),
    Locality: z.looseObject({ Zone: z.string().optional() }).nullish(),
  }),
  Checks: z.array(z.looseObject({ Status: z.string() })).nullish(),
});
const instances = z.array(instance);
export type Instance = z.infer<typeof instance>;

export interface Answer {
  readonly instances: readonly Instance[];
  /** X-Consul-Index; undefined where there is none that a blocking query could go on from. */
  readonly index: bigint | undefined;
}

export interface ConsulClientOptions {
  /** `http://127.0.0.1:8500`. */
  readonly address: string;
  readonly clock: Clock;
  /** An ACL token; never logged. */
  readonly token?: string;
}

/** Seconds that Consul holds a query back while nothing changes. It adds up to a sixteenth. */
const WAIT_SECONDS = 300;
/** Milliseconds above that until a query counts as lost. */
const PATIENCE = 10_000;
/** Bytes of an answer; a service of ten thousand instances has about as much. */
const LARGEST = 64 * 1024 * 1024;

/**
 * One blocking query for the instances of a service.
 * @param index where to go on; undefined: at once, whatever it is.
 */
export function queryHealth(
  { address, clock, token }: ConsulClientOptions, query: ConsulQuery, index: bigint | undefined,
): { answer: Promise<Answer>; cancel(): void } {
  const parameters = new URLSearchParams(index === undefined ? {} : { index: `${index}`, wait: `${WAIT_SECONDS}s` });
  if (query.datacenter !== undefined) parameters.set('dc', query.datacenter);
  for (const tag of query.tags) parameters.append('tag', tag);
  const url = new URL(`${address.replace(/\/+$/, '')}/v1/health/service/${encodeURIComponent(query.service)}?${parameters.toString()}`);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send(url, { headers: { accept: 'application/json', ...token === undefined ? {} : { 'x-consul-token': token } } });
  const answer = new Promise<Answer>((resolve, reject) => {
    const limit = index === undefined ? PATIENCE : WAIT_SECONDS * 1000 * (1 + 1 / 16) + PATIENCE;
    const late = clock.setTimer(limit, () => request.destroy(new Error(`no answer for ${Math.round(limit / 1000)} s`)));
    request.once('close', () => late.cancel());
    request.once('error', reject);
    request.once('socket', (socket) => socket.setKeepAlive(true, 15_000));
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > LARGEST) request.destroy(new Error(`an answer of more than ${LARGEST} bytes`));
      });
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode !== 200) return reject(new Error(`${response.statusCode} ${text.slice(0, 200).trim()}`));
        try {
          resolve({ instances: instances.parse(JSON.parse(text)), index: indexOf(response.headers['x-consul-index']) });
        } catch (error) {
          reject(new Error(`the answer is not that of a Consul: ${(error as Error).message.slice(0, 200)}`));
        }
      });
    });
    request.end();
  });
  return { answer, cancel: () => request.destroy() };
}

function indexOf(header: string | string[] | undefined): bigint | undefined {
  return typeof header === 'string' && /^\d{1,20}$/.test(header) && BigInt(header) > 0n ? BigInt(header) : undefined;
}
