import { createHash } from 'node:crypto';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import * as zlib from 'node:zlib';
import type { CompressorConfig, DigestConfig, DigestDirection, GzipConfig } from '../../../../../runtime/proxy/config/body-types';
import type { HttpFilterConfig } from '../../../../../runtime/proxy/config/types';
import type { RequestRecord } from '../../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../../runtime/proxy/proxy';
import { createRawTransport } from '../../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../../support/config';
import { EventClock } from '../../support/event-clock';

export type Version = 1 | 2;
/** Client, upstream. */
export const VERSIONS: readonly (readonly [Version, Version])[] = [[1, 1], [1, 2], [2, 1], [2, 2]];

const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };
const NONE: DigestDirection = { makeContentDigest: false, makeReprDigest: false, verify: false };

export const GZIP: GzipConfig = { coding: 'gzip', level: -1, strategy: 0, windowBits: 12, memoryLevel: 5, chunkSize: 4096 };
export const BROTLI: CompressorConfig['library'] = {
  coding: 'br', quality: 3, mode: 0, windowBits: 18, blockBits: 16, disableLiteralContextModeling: false, chunkSize: 4096,
};

export function compressor(library: CompressorConfig['library'] = GZIP, changes: Partial<CompressorConfig> = {}): HttpFilterConfig {
  return {
    kind: 'compressor',
    name: library.coding,
    config: {
      library, minContentLength: 30, contentTypes: ['text/plain', 'application/json'], disableOnEtag: false, removeAcceptEncoding: false, chooseFirst: false,
      ...changes,
    },
  };
}

export function digest(changes: { request?: Partial<DigestDirection>; response?: Partial<DigestDirection> }): HttpFilterConfig {
  const config: DigestConfig = { request: { ...NONE, ...changes.request }, response: { ...NONE, ...changes.response } };
  return { kind: 'digest', name: 'digest', config };
}

export function digestOf(body: Buffer | string): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}

export function decoded(coding: string | undefined, body: Buffer): Buffer {
  switch (coding) {
    case undefined: return body;
    case 'gzip': return zlib.gunzipSync(body);
    case 'br': return zlib.brotliDecompressSync(body);
    case 'zstd': return (zlib as unknown as { zstdDecompressSync(bytes: Buffer): Buffer }).zstdDecompressSync(body);
    default: throw new Error(`coding ${coding}`);
  }
}

type Fields = Record<string, string>;

/** What an upstream was asked, and how it is answered, whatever it speaks. */
export interface Exchange {
  readonly headers: http.IncomingHttpHeaders;
  /** Resolves with the whole body and its trailers; rejects where it was broken off. */
  readonly body: Promise<{ body: Buffer; trailers: http.IncomingHttpHeaders }>;
  respond(status: number, headers: Fields, withTrailers?: boolean): void;
  /** Head and body in one write, with their length. */
  respondWhole(status: number, headers: Fields, body: Buffer | string): void;
  /** Whether more may be written at once. */
  write(bytes: Buffer | string): boolean;
  drained(): Promise<void>;
  end(bytes?: Buffer | string, trailers?: Fields): void;
  /** Breaks the answer off. */
  destroy(): void;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: http.IncomingHttpHeaders;
}

/** The proxy between real clients and upstreams of both versions. */
export class World {
  readonly clock = new EventClock();
  readonly records: { status: number; flag: string | undefined; detail: string }[] = [];
  readonly proxy: Proxy;
  private readonly sockets = new Set<Socket>();
  private server!: http.Server | http2.Http2Server;
  private session: http2.ClientHttp2Session | undefined;
  readonly agent = new http.Agent({ keepAlive: true });
  private readonly ends: (() => void)[] = [];

  private constructor(readonly client: Version, readonly upstream: Version) {
    this.proxy = new Proxy({
      clock: this.clock,
      transport: createRawTransport(),
      random: Math.random,
      observer: {
        requestEnded: ({ status, flag, detail }: RequestRecord) => {
          this.records.push({ status, flag, detail });
          this.ends.splice(0).forEach((end) => end());
        },
      },
    });
  }

  static async start(
    client: Version, upstream: Version, filters: readonly HttpFilterConfig[], handler: (exchange: Exchange) => void,
    ofRoute: readonly HttpFilterConfig[] = [],
  ): Promise<World> {
    const world = new World(client, upstream);
    const server = (world.server = upstream === 1 ? http.createServer((req, res) => handler(ofHttp1(req, res))) : http2.createServer());
    if (upstream === 2) server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => handler(ofHttp2(stream, headers)));
    server.on('connection', (socket: Socket) => world.sockets.add(socket));
    server.on('session', (session: http2.ServerHttp2Session) => session.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const cluster = { ...clusterConfig(), ...(upstream === 2 ? { http2: LIMITS } : {}) };
    const routes = routeTable([routeConfig(actionConfig(), { filters: new Map(ofRoute.map((filter) => [filter.name, filter])) })]);
    await world.proxy.apply(snapshot(listenerConfig({ filters }), routes, [[cluster, [(server.address() as AddressInfo).port]]]));
    if (client === 2) {
      world.session = http2.connect(`http://127.0.0.1:${world.port}`);
      world.session.on('error', () => undefined);
    }
    return world;
  }

  get port(): number {
    return this.proxy.listeners.get('ingress')!.port;
  }

  /** Resolves once `count` requests have ended. */
  async ended(count: number): Promise<void> {
    while (this.records.length < count) await new Promise<void>((resolve) => this.ends.push(resolve));
  }

  /** A request: its stream of bytes to send, and of its answer. */
  async open(headers: Fields = {}, method = 'GET', trailers?: Fields): Promise<{ request: http.ClientRequest | http2.ClientHttp2Stream; answer: Promise<Streamed> }> {
    if (this.session !== undefined) {
      const { host: _host, ...others } = headers;
      const stream = this.session.request({ ':method': method, ...others }, { endStream: false, waitForTrailers: trailers !== undefined });
      if (trailers !== undefined) stream.once('wantTrailers', () => stream.sendTrailers(trailers));
      return { request: stream, answer: answerOfStream(stream) };
    }
    const request = http.request({ host: '127.0.0.1', port: this.port, method, headers, agent: this.agent });
    return { request, answer: answerOfHttp1(request) };
  }

  /** Rejects where the answer does not come to its end. */
  async ask(headers: Fields = {}, method = 'GET', body: readonly (Buffer | string)[] = []): Promise<Answer> {
    const { request, answer } = await this.open(headers, method);
    for (const bytes of body) request.write(bytes);
    request.end();
    const streamed = await answer;
    return { status: streamed.status, headers: streamed.headers, ...await streamed.whole() };
  }

  async close(): Promise<void> {
    this.agent.destroy();
    this.session?.destroy();
    await this.proxy.close();
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** An answer whose body is read on. */
export interface Streamed {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly stream: http.IncomingMessage | http2.ClientHttp2Stream;
  whole(): Promise<{ body: Buffer; trailers: http.IncomingHttpHeaders }>;
}

async function answerOfHttp1(request: http.ClientRequest): Promise<Streamed> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      response.on('error', () => undefined);
      resolve({ status: response.statusCode!, headers: response.headers, stream: response, whole: async () => wholeOf(response) });
    });
  });
}

async function wholeOf(message: http.IncomingMessage): Promise<{ body: Buffer; trailers: http.IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    message.on('data', (bytes: Buffer) => pieces.push(bytes));
    message.on('close', () => {
      if (message.complete) resolve({ body: Buffer.concat(pieces), trailers: message.trailers as http.IncomingHttpHeaders });
      else reject(new Error('cut off'));
    });
  });
}

async function answerOfStream(stream: http2.ClientHttp2Stream): Promise<Streamed> {
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`closed with ${stream.rstCode}`)));
    stream.on('response', (headers) => {
      resolve({ status: headers[':status']!, headers: headers as http.IncomingHttpHeaders, stream, whole: async () => wholeOfStream(stream) });
    });
  });
}

async function wholeOfStream(stream: http2.Http2Stream): Promise<{ body: Buffer; trailers: http.IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let trailers: http.IncomingHttpHeaders = {};
    let ended = false;
    stream.on('trailers', (headers: http.IncomingHttpHeaders) => (trailers = headers));
    stream.on('data', (bytes: Buffer) => pieces.push(bytes));
    stream.on('end', () => (ended = true));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (ended && stream.rstCode === 0) resolve({ body: Buffer.concat(pieces), trailers });
      else reject(new Error(`cut off with ${stream.rstCode}`));
    });
  });
}

function ofHttp1(request: http.IncomingMessage, response: http.ServerResponse): Exchange {
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  const body = wholeOf(request);
  body.catch(() => undefined);
  return {
    headers: request.headers,
    body,
    respond: (status, headers) => {
      response.writeHead(status, headers);
      response.flushHeaders();
    },
    respondWhole: (status, fields, bytes) => {
      response.writeHead(status, { ...fields, 'content-length': Buffer.byteLength(bytes) });
      response.end(bytes);
    },
    write: (bytes) => response.write(bytes),
    drained: async () => new Promise((resolve) => response.once('drain', resolve)),
    end: (bytes, trailers) => {
      if (trailers !== undefined) response.addTrailers(trailers);
      response.end(bytes);
    },
    destroy: () => response.destroy(),
  };
}

function ofHttp2(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Exchange {
  stream.on('error', () => undefined);
  let trailers: Fields | undefined;
  return {
    headers: headers as http.IncomingHttpHeaders,
    body: requestOf(stream),
    respond: (status, fields, withTrailers = false) => {
      stream.respond({ ':status': status, ...fields }, { waitForTrailers: withTrailers });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers!));
    },
    respondWhole: (status, fields, bytes) => {
      stream.respond({ ':status': status, ...fields }, { endStream: bytes.length === 0 });
      if (bytes.length > 0) stream.end(bytes);
    },
    write: (bytes) => stream.write(bytes),
    drained: async () => new Promise((resolve) => stream.once('drain', resolve)),
    end: (bytes, fields) => {
      trailers = fields;
      stream.end(bytes);
    },
    destroy: () => stream.destroy(new Error('broken off')),
  };
}

/** The stream closes only when it is answered: the request's end is what counts. */
async function requestOf(stream: http2.ServerHttp2Stream): Promise<{ body: Buffer; trailers: http.IncomingHttpHeaders }> {
  const request = new Promise<{ body: Buffer; trailers: http.IncomingHttpHeaders }>((resolve, reject) => {
    const pieces: Buffer[] = [];
    let trailers: http.IncomingHttpHeaders = {};
    stream.on('trailers', (headers: http.IncomingHttpHeaders) => (trailers = headers));
    stream.on('data', (bytes: Buffer) => pieces.push(bytes));
    stream.on('end', () => resolve({ body: Buffer.concat(pieces), trailers }));
    stream.on('aborted', () => reject(new Error('cut off')));
  });
  request.catch(() => undefined);
  return request;
}
