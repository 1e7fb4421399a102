import { connect, createServer, type Http2Server, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Transport } from '../runtime/proxy/transport';
import { ConnectionStream } from './connection-stream';
import type { Message } from './http1';

/** What is sent, in bytes. */
export interface Outgoing {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly trailers?: Readonly<Record<string, string>> | undefined;
}

/** Sends one request over a connection of its own, with prior knowledge (RFC 9113 §3.3). Rejects when there is no whole answer. */
export async function exchangeHttp2(
  transport: Transport, address: string, port: number, url: URL, method: string, { headers, body }: Outgoing,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    const session = connect(url.origin, { createConnection: () => ConnectionStream.to(transport, address, port) });
    const fail = (error: Error): void => {
      session.destroy();
      reject(new Error(`${method} ${url.href}: ${error.message}`, { cause: error }));
    };
    session.on('error', fail);
    const stream = session.request({ ...headers, ':method': method, ':path': url.pathname + url.search, ':authority': url.host, ':scheme': 'http' });
    const chunks: Buffer[] = [];
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on('response', (got) => { head = got; });
    stream.on('trailers', (got) => { trailers = got; });
    stream.on('data', (chunk: Buffer) => { chunks.push(chunk); });
    stream.on('error', fail);
    stream.on('close', () => {
      if (head[':status'] === undefined) return fail(new Error('the stream ended before the answer'));
      session.close();
      const bytes = Buffer.concat(chunks);
      resolve({ method: '', target: '', status: Number(head[':status']), headers: plain(head), body: bytes.toString('utf8'), bytes, trailers: plain(trailers) });
    });
    // GET and HEAD have ended with their head.
    stream.end(body?.length ? body : undefined);
  });
}

/** The names of HTTP/1.1; several of one name joined by a comma. */
function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name, value]) => !name.startsWith(':') && value !== undefined)
    .map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]));
}

/** A request of HTTP/2 that an application got, and how it is answered. */
export interface Http2Request {
  readonly message: Message;
  answer(status: number, outgoing: Outgoing): void;
  reset(): void;
}

/** The HTTP/2 side of a stub: streams of accepted connections, whole. */
export function http2Server(onRequest: (request: Http2Request) => void): Http2Server {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    let trailers: IncomingHttpHeaders = {};
    stream.on('data', (chunk: Buffer) => { chunks.push(chunk); });
    stream.on('trailers', (got) => { trailers = got; });
    stream.on('error', () => {});
    stream.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const host = String(headers[':authority'] ?? headers.host ?? '');
      onRequest({
        message: {
          method: String(headers[':method']), target: String(headers[':path']), status: 0, headers: { host, ...plain(headers) },
          body: bytes.toString('utf8'), bytes, trailers: plain(trailers),
        },
        answer: (status, outgoing) => { answer(stream, status, outgoing); },
        reset: () => { stream.close(2); },
      });
    });
  });
  return server;
}

function answer(stream: ServerHttp2Stream, status: number, { headers, body, trailers }: Outgoing): void {
  if (stream.destroyed || stream.closed) return;
  const head: OutgoingHttpHeaders = { ...headers, ':status': status };
  if (trailers === undefined) {
    stream.respond(head);
    stream.end(body);
    return;
  }
  stream.on('wantTrailers', () => { stream.sendTrailers({ ...trailers }); });
  stream.respond(head, { waitForTrailers: true });
  stream.end(body);
}
