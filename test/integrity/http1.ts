import type { Duplex } from 'node:stream';
import { bodyOf, cut, digestOf, drained, turn, type Plan } from './plan';

/** The runtime's llhttp, as `node:http` reads by it. */
export interface Parser {
  initialize(type: number, resource: object): void;
  execute(bytes: Buffer): number | Error;
  finish(): unknown;
  [callback: number]: unknown;
}
interface Common {
  readonly HTTPParser: (new () => Parser) & Record<string, number>;
  readonly methods: readonly string[];
}
const { HTTPParser, methods: METHODS } = process.getBuiltinModule('_http_common') as unknown as Common;
export { HTTPParser };

/** A body in chunks of any size, some with extensions or a size that begins with 0, and its trailers. */
export function chunkedBody(body: Buffer, { random, trailers, id }: Plan): Buffer {
  const parts: Buffer[] = [];
  for (const piece of cut(body, random)) {
    const extension = random.below(8) === 0 ? ';a=b;c="d e"' : '';
    parts.push(Buffer.from(`${random.below(2) === 0 ? '0' : ''}${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from('\r\n'));
  }
  parts.push(Buffer.from(trailers ? `0\r\nx-trailer: ${id}\r\n\r\n` : '0\r\n\r\n'));
  return Buffer.concat(parts);
}

export interface Received {
  readonly method: string;
  readonly id: string;
  readonly body: Buffer;
}

/**
 * Reads requests from a socket by llhttp, and nothing else of Node's: its servers pause their parser while an answer waits to be written, and lose what comes
 * of the next request meanwhile.
 * @param unreadable told once what llhttp does not take
 */
export function readRequests(socket: Duplex, received: (request: Received) => void, unreadable: (code: string) => void): void {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  let method = '', id = '';
  let body: Buffer[] = [];
  parser[HTTPParser.kOnHeadersComplete] = (_major: number, _minor: number, headers: string[], number: number) => {
    method = METHODS[number];
    const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'x-id');
    id = headers[at + 1];
    body = [];
    return 0;
  };
  parser[HTTPParser.kOnBody] = (bytes: Buffer) => void body.push(Buffer.from(bytes));
  parser[HTTPParser.kOnMessageComplete] = () => received({ method, id, body: Buffer.concat(body) });
  socket.on('data', (bytes: Buffer) => {
    const read = parser.execute(bytes);
    if (typeof read === 'number') return;
    unreadable((read as NodeJS.ErrnoException).code ?? read.message);
    socket.destroy();
  });
}

/**
 * Answers as the plan says, cut anywhere.
 * @param over called before the last bytes go out: what comes after them may be another request
 */
export async function sendAnswer(socket: Duplex, plan: Plan, over: () => void): Promise<void> {
  const { id, abort, abortAt, answerBytes, answerFraming, method, random, status, trailers } = plan;
  const body = bodyOf(id, 'answer', answerBytes);
  const framing = { length: `content-length: ${body.length}\r\n`, chunked: `transfer-encoding: chunked\r\n${trailers ? 'trailer: x-trailer\r\n' : ''}`, close: 'connection: close\r\n' };
  const interim = random.below(16) === 0 ? 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n' : '';
  const head = Buffer.from(`${interim}HTTP/1.1 ${status} Any\r\nx-id: ${id}\r\nx-digest: ${digestOf(body)}\r\n${framing[answerFraming]}\r\n`);
  const content = method === 'HEAD' ? Buffer.alloc(0) : answerFraming === 'chunked' ? chunkedBody(body, plan) : body;
  const bytes = Buffer.concat([head, content]);
  // Within the head or behind it, and never all of it.
  const stop = abort === 'upstream-in-answer' ? Math.floor(abortAt * bytes.length) : bytes.length;
  const pieces = cut(bytes.subarray(0, stop), random);
  for (const [index, piece] of pieces.entries()) {
    if (socket.destroyed) return;
    if (index === pieces.length - 1) over();
    if (!socket.write(piece)) await drained(socket);
    else if (random.below(2) === 0) await turn();
  }
  if (abort === 'upstream-in-answer') {
    await turn();
    socket.destroy();
  } else if (answerFraming === 'close') {
    socket.end();
  }
}
