import * as http from 'node:http';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';

/** An upstream on a real socket, driven by a handler; what it saw is counted. */
export class Upstream {
  readonly requests: string[] = [];
  private readonly waiting: { count: number; resolve: () => void }[] = [];

  private constructor(readonly server: http.Server, public handler: http.RequestListener) {
    server.on('request', (request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      this.handler(request, response);
      for (let i = this.waiting.length - 1; i >= 0; i--) {
        if (this.waiting[i].count > this.requests.length) continue;
        this.waiting[i].resolve();
        this.waiting.splice(i, 1);
      }
    });
  }

  static async start(handler: http.RequestListener, port = 0): Promise<Upstream> {
    const server = http.createServer({ keepAliveTimeout: 0 });
    const upstream = new Upstream(server, handler);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resolves once `count` requests have come. */
  async seen(count: number): Promise<void> {
    if (this.requests.length >= count) return;
    await new Promise<void>((resolve) => this.waiting.push({ count, resolve }));
  }

  /** Dies as a killed process does: every connection is reset and the port refuses. */
  async kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Asks over `agent`; rejects where there is no complete answer. */
export async function ask(port: number, path: string, options: http.RequestOptions = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, ...options }, (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => (response.complete ? resolve({ status: response.statusCode!, headers: response.headers, body: text }) : reject(new Error('cut off'))));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A raw connection that collects what comes. */
export class RawClient {
  received = '';
  ended = false;
  readonly socket: net.Socket;
  private readonly waiting: { test: () => boolean; resolve: () => void }[] = [];

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.received += text;
      this.settle();
    });
    this.socket.on('end', () => this.finish());
    this.socket.on('error', () => this.finish());
    this.socket.on('close', () => this.finish());
  }

  async until(test: () => boolean): Promise<void> {
    if (test()) return;
    await new Promise<void>((resolve) => this.waiting.push({ test, resolve }));
  }

  private finish(): void {
    this.ended = true;
    this.settle();
  }

  private settle(): void {
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      if (!this.waiting[i].test()) continue;
      this.waiting[i].resolve();
      this.waiting.splice(i, 1);
    }
  }
}
