import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bodyOf, cut, digestOf, drained, planOf, RESETS, turn, type Failures, type Plan } from './plan';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}


type Request = http.IncomingMessage | http2.Http2ServerRequest;
type Response = http.ServerResponse | http2.Http2ServerResponse;

/** Services that do what a request's plan says, over HTTP/1.1 and HTTP/2, in plain text and TLS; node:http and node:http2, so none of our code. */
export class Upstreams {
  readonly ports: Record<string, number> = {};
  /** Requests that came whole. */
  completed = 0;
  private readonly servers: (http.Server | http2.Http2Server)[] = [];
  private readonly connections = new Set<Duplex>();

  private constructor(private readonly failures: Failures) {}

  /** @param kinds h1, h1s, h2, h2s: which to start. */
  static async start(kinds: readonly string[], certificate: Certificate, failures: Failures): Promise<Upstreams> {
    const made = new Upstreams(failures);
    const keep = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 };
    const servers: Record<string, () => http.Server | http2.Http2Server> = {
      h1: () => http.createServer(keep),
      h1s: () => https.createServer({ ...keep, ...certificate }),
      h2: () => http2.createServer(),
      h2s: () => http2.createSecureServer(certificate),
    };
    for (const kind of kinds) await made.listen(kind, servers[kind]());
    return made;
  }

  private async listen(name: string, server: http.Server | http2.Http2Server): Promise<void> {
    server.on('request', (request: Request, response: Response) => void this.serve(name, request, response));
    server.on('connection', (socket: Socket) => {
      this.connections.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.connections.delete(socket));
    });
    server.on('sessionError', () => undefined);
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      // What is broken off in the middle is no fault, nor is a connection's end that comes while Node has paused its parser; what llhttp cannot read is.
      const { code = '', rawPacket } = error as NodeJS.ErrnoException & { rawPacket?: Buffer };
      const isEnd = code === 'HPE_INVALID_EOF_STATE' || (code === 'HPE_PAUSED' && rawPacket === undefined);
      if (code.startsWith('HPE_') && !isEnd) this.failures.add(`${name}: the proxy sent what llhttp does not take: ${code}`);
      socket.destroy();
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => (server as http.Server).listen(0, '127.0.0.1', resolve));
    this.ports[name] = (server.address() as AddressInfo).port;
    this.servers.push(server);
  }

  get open(): number {
    return this.connections.size;
  }

  async close(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    await Promise.all(this.servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  }

  private async serve(name: string, request: Request, response: Response): Promise<void> {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const id = String(request.headers['x-id']);
    const plan = planOf(id);
    const parts: Buffer[] = [];
    let whole = false;
    const ended = new Promise<void>((resolve) => {
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        // node:http2 says `end` of a stream that is reset early, too.
        const isReset = request.httpVersionMajor === 2 && (request as http2.Http2ServerRequest).stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR;
        whole = (request as http.IncomingMessage).complete && !request.aborted && !isReset;
        resolve();
      });
      request.on('close', resolve);
    });
    await ended;
    if (!whole) return;
    this.completed++;
    const got = Buffer.concat(parts);
    if (request.method !== plan.method) this.failures.add(`${name} ${id}: method ${request.method} is not ${plan.method}`);
    if (digestOf(got) !== digestOf(bodyOf(id, 'request', plan.requestBytes))) {
      this.failures.add(`${name} ${id}: ${got.length} bytes of a request came as its ${plan.requestBytes} (${plan.abort})`);
    }
    await this.answer(plan, request, response);
  }

  private async answer(plan: Plan, request: Request, response: Response): Promise<void> {
    const { id, abort, answerBytes, answerFraming, random, status } = plan;
    const give = (): void => {
      if (request.httpVersionMajor === 2) (response as http2.Http2ServerResponse).stream.close(random.pick(RESETS));
      else (request as http.IncomingMessage).socket.destroy();
    };
    if (abort === 'upstream-before-answer') {
      give();
      return;
    }
    const body = bodyOf(id, 'answer', answerBytes);
    const headers: http.OutgoingHttpHeaders = { 'x-id': id, 'x-digest': digestOf(body) };
    const isOld = request.httpVersionMajor === 1;
    if (answerFraming === 'length') headers['content-length'] = body.length;
    // Node frames by the end of the connection what has neither length nor chunks.
    if (answerFraming === 'close' && isOld) {
      (response as http.ServerResponse).useChunkedEncodingByDefault = false;
      headers.connection = 'close';
    }
    const trailers = plan.trailers && answerFraming === 'chunked' && plan.method !== 'HEAD';
    if (trailers && isOld) headers.trailer = 'x-trailer';
    (response as http.ServerResponse).writeHead(status, headers);
    if (plan.method === 'HEAD') {
      response.end();
      return;
    }
    const stop = abort === 'upstream-in-answer' ? Math.floor(plan.abortAt * body.length) : body.length;
    let sent = 0;
    for (const piece of cut(body, random)) {
      if (response.destroyed) return;
      if (sent + piece.length > stop) {
        (response as http.ServerResponse).write(piece.subarray(0, stop - sent));
        await turn();
        give();
        return;
      }
      sent += piece.length;
      if (!(response as http.ServerResponse).write(piece)) await drained(response);
      else if (random.below(2) === 0) await turn();
    }
    if (abort === 'upstream-in-answer') {
      give();
      return;
    }
    if (trailers) (response as http.ServerResponse).addTrailers({ 'x-trailer': id });
    response.end();
  }
}
