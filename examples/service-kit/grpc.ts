/**
 * gRPC of the examples: unary calls over node:http2, their messages in JSON (`application/grpc+json`), so that no .proto has to be compiled. A service
 * of yours uses its gRPC library as it always does.
 */
import { connect, createServer, type ClientHttp2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Fault, startControl } from './control';

/** Codes that the examples use. */
export const GrpcStatus = { OK: 0, UNKNOWN: 2, NOT_FOUND: 5, RESOURCE_EXHAUSTED: 8, UNIMPLEMENTED: 12, INTERNAL: 13, UNAVAILABLE: 14 } as const;

/** Ends a call with another status than OK. */
export class GrpcError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

export type GrpcHandler = (message: any) => unknown;

const CONTENT_TYPE = 'application/grpc+json';
const SLOW = 3000;

/** Starts a service of gRPC. Methods are `shop.v1.Inventory/Reserve`. It ends on SIGTERM, after what is in flight. */
export function startGrpcService(name: string, methods: Readonly<Record<string, GrpcHandler>>): void {
  const { HOST = '0.0.0.0', PORT = '9090' } = process.env;
  const fault = startControl(name);
  const server = createServer();
  const sessions = new Set<{ close(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    void serve(stream, headers, fault).catch((error: Error) => answer(stream, undefined, error));
  });
  async function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, now: () => Fault): Promise<void> {
    const message = messageIn(await bytesOf(stream));
    if (now() === 'fail') throw new GrpcError(GrpcStatus.UNAVAILABLE, `${name} fails, as it was told to`);
    if (now() === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW));
    const method = methods[headers[':path']!.slice(1)];
    if (!method) throw new GrpcError(GrpcStatus.UNIMPLEMENTED, `${name} has ${Object.keys(methods).join(', ')}`);
    answer(stream, await method(message));
  }
  server.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  server.listen(Number(PORT), HOST, () => console.log(`${name} listens on ${HOST}:${PORT}`));
  process.once('SIGTERM', () => {
    server.close();
    for (const session of sessions) session.close();
  });
}

function answer(stream: ServerHttp2Stream, message: unknown, error?: Error): void {
  if (stream.destroyed || stream.closed) return;
  const code = error === undefined ? GrpcStatus.OK : error instanceof GrpcError ? error.code : GrpcStatus.INTERNAL;
  const status = { 'grpc-status': String(code), ...error === undefined ? {} : { 'grpc-message': encodeURIComponent(error.message) } };
  const head = { ':status': 200, 'content-type': CONTENT_TYPE };
  // Without a message head and trailers are one.
  if (error !== undefined) return stream.respond({ ...head, ...status }, { endStream: true });
  stream.on('wantTrailers', () => { stream.sendTrailers(status); });
  stream.respond(head, { waitForTrailers: true });
  stream.end(framed(message));
}

let session: ClientHttp2Session | undefined;

/**
 * Calls a method of a service by its name. The connection goes to the pod's own proxy, and the name is the authority: what gRPC libraries call the
 * `default_authority` of a channel to the proxy's address.
 *
 * @throws GrpcError for any status but OK
 */
export async function callGrpc(service: string, method: string, message: object, headers: Readonly<Record<string, string>> = {}): Promise<any> {
  const target = process.env.HTTP_PROXY ?? `http://${service}`;
  if (session === undefined || session.closed || session.destroyed) {
    session = connect(target);
    session.on('error', () => {});
  }
  const stream = session.request({
    ...headers, ':method': 'POST', ':scheme': 'http', ':authority': service, ':path': `/${method}`, 'content-type': CONTENT_TYPE, 'te': 'trailers',
  });
  let status: IncomingHttpHeaders = {};
  stream.on('response', (head) => { status = head; });
  stream.on('trailers', (trailers) => { status = { ...status, ...trailers }; });
  stream.end(framed(message));
  const bytes = await bytesOf(stream);
  const code = status['grpc-status'] === undefined ? GrpcStatus.UNKNOWN : Number(status['grpc-status']);
  if (code !== GrpcStatus.OK) throw new GrpcError(code, decodeURIComponent(String(status['grpc-message'] ?? `HTTP status ${status[':status']}`)));
  return messageIn(bytes);
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A length-prefixed message, not compressed. */
function framed(message: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(message));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function messageIn(bytes: Buffer): unknown {
  if (bytes.length < 5 || bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - 5) throw new GrpcError(GrpcStatus.INTERNAL, 'one message was expected');
  return JSON.parse(bytes.toString('utf8', 5)) as unknown;
}
