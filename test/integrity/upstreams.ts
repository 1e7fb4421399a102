import * as http2 from 'node:http2';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { readRequests, sendAnswer, type Received } from './http1';
import { bodyOf, cut, digestOf, drained, planOf, RESETS, turn, type Failures, type Plan } from './plan';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Services that do what a request's plan says, over HTTP/1.1 and HTTP/2, in plain text and TLS. None of our code: HTTP/1.1 is read by llhttp and written by
 * hand, HTTP/2 is nghttp2's.
 */
export class Upstreams {
  readonly ports: Record<string, number> = {};
  /** Requests that came whole. */
  completed = 0;
  private readonly servers: net.Server[] = [];
  private readonly connections = new Set<Duplex>();

  private constructor(private readonly failures: Failures) {}

  /** @param kinds h1, h1s, h2, h2s: which to start. */
  static async start(kinds: readonly string[], certificate: Certificate, failures: Failures): Promise<Upstreams> {
    const made = new Upstreams(failures);
    const servers: Record<string, () => net.Server> = {
      h1: () => net.createServer({ allowHalfOpen: true }, (socket) => made.serveHttp1('h1', socket)),
      h1s: () => tls.createServer({ ...certificate, allowHalfOpen: true }, (socket) => made.serveHttp1('h1s', socket)),
      h2: () => http2.createServer(),
      h2s: () => http2.createSecureServer(certificate),
    };
    for (const kind of kinds) await made.listen(kind, servers[kind]());
    return made;
  }

  private async listen(name: string, server: net.Server): Promise<void> {
    server.on('connection', (socket: Duplex) => {
      this.connections.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.connections.delete(socket));
    });
    server.on('request', (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void this.serveHttp2(name, request, response));
    server.on('sessionError', () => undefined);
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.ports[name] = (server.address() as net.AddressInfo).port;
    this.servers.push(server);
  }

  get open(): number {
    return this.connections.size;
  }

  async close(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    await Promise.all(this.servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  }

  /** A whole request has come. @returns its plan */
  private judge(name: string, { id, method, body }: Received): Plan {
    const plan = planOf(id);
    this.completed++;
    if (method !== plan.method) this.failures.add(`${name} ${id}: method ${method} is not ${plan.method}`);
    if (digestOf(body) !== digestOf(bodyOf(id, 'request', plan.requestBytes))) {
      this.failures.add(`${name} ${id}: ${body.length} bytes of a request came as its ${plan.requestBytes} (${plan.abort})`);
    }
    return plan;
  }

  private serveHttp1(name: string, socket: Duplex): void {
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    let busy = false;
    readRequests(socket, (request) => {
      if (busy) this.failures.add(`${name} ${request.id}: came before the answer to the request in front of it`);
      busy = true;
      const plan = this.judge(name, request);
      if (plan.abort === 'upstream-before-answer') {
        socket.destroy();
        return;
      }
      void sendAnswer(socket, plan, () => { busy = false; });
    }, (code) => this.failures.add(`${name}: the proxy sent what llhttp does not take: ${code}`));
  }

  private async serveHttp2(name: string, request: http2.Http2ServerRequest, response: http2.Http2ServerResponse): Promise<void> {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const parts: Buffer[] = [];
    let whole = false;
    await new Promise<void>((resolve) => {
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        // node:http2 says `end` of a stream that is reset early, too.
        whole = request.complete && !request.aborted && request.stream.rstCode === http2.constants.NGHTTP2_NO_ERROR;
        resolve();
      });
      request.on('close', resolve);
    });
    if (whole) await this.answer(this.judge(name, { id: String(request.headers['x-id']), method: request.method, body: Buffer.concat(parts) }), response);
  }

  private async answer(plan: Plan, response: http2.Http2ServerResponse): Promise<void> {
    const { id, abort, answerBytes, answerFraming, random, status } = plan;
    const giveUp = (): void => response.stream.close(random.pick(RESETS));
    if (abort === 'upstream-before-answer') {
      giveUp();
      return;
    }
    const body = bodyOf(id, 'answer', answerBytes);
    const headers: http2.OutgoingHttpHeaders = { 'x-id': id, 'x-digest': digestOf(body) };
    if (answerFraming === 'length') headers['content-length'] = body.length;
    response.writeHead(status, headers);
    if (plan.method === 'HEAD') {
      response.end();
      return;
    }
    const stop = abort === 'upstream-in-answer' ? Math.floor(plan.abortAt * body.length) : body.length;
    let sent = 0;
    for (const piece of cut(body, random)) {
      if (response.destroyed) return;
      if (sent + piece.length > stop) {
        response.write(piece.subarray(0, stop - sent));
        await turn();
        giveUp();
        return;
      }
      sent += piece.length;
      if (!response.write(piece)) await drained(response);
      else if (random.below(2) === 0) await turn();
    }
    if (abort === 'upstream-in-answer') {
      giveUp();
      return;
    }
    if (plan.trailers && answerFraming === 'chunked') response.addTrailers({ 'x-trailer': id });
    response.end();
  }
}
