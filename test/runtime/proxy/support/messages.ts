import { BodyReader } from '../../../../runtime/proxy/http1/body';
import { Body, Framing, Refuse, readRequest, readResponse } from '../../../../runtime/proxy/http1/framing';
import { Head } from '../../../../runtime/proxy/http1/head';

/** A message as a parser understood it. */
export interface Message {
  readonly first: string;
  readonly headers: string[];
  readonly body: string;
}

export interface Reading {
  readonly messages: Message[];
  /** `complete`: the bytes end with a message; `partial`: in one; `refused`: not accepted. */
  readonly end: 'complete' | 'partial' | 'refused';
}

/** Reads all bytes as a sequence of messages with our parser. */
export function readOurs(bytes: Buffer, isResponse: boolean): Reading {
  const messages: Message[] = [];
  let at = 0;
  while (at < bytes.length) {
    const head = new Head();
    const framing = new Framing();
    const length = isResponse ? head.parseResponse(bytes, at, bytes.length) : head.parseRequest(bytes, at, bytes.length);
    if (length < 0) return { messages, end: 'refused' };
    if (length === 0) return { messages, end: 'partial' };
    const refused = isResponse ? readResponse(head, framing, false) : readRequest(head, framing);
    if (refused !== Refuse.Nothing) return { messages, end: 'refused' };
    const body = new BodyReader();
    body.start(framing);
    const start = at + length;
    let data = '';
    let stop = start;
    if (framing.body === Body.Chunked) {
      while (stop < bytes.length && !body.scanner.done) {
        stop = body.scanner.nextData(bytes, stop, bytes.length);
        if (stop < 0) return { messages, end: 'refused' };
        data += bytes.toString('latin1', body.scanner.dataStart, body.scanner.dataEnd);
      }
    } else {
      stop = body.read(bytes, start, bytes.length);
      data = bytes.toString('latin1', start, stop);
    }
    const headers: string[] = [];
    for (let i = 0; i < head.count; i++) headers.push(head.text(head.nameStart(i), head.nameEnd(i)), head.value(i));
    const first = isResponse ? String(head.status) : `${head.text(head.methodStart, head.methodEnd)} ${head.text(head.targetStart, head.targetEnd)}`;
    if (!body.done && framing.body !== Body.Close) return { messages, end: 'partial' };
    messages.push({ first, headers, body: data });
    if (framing.close || framing.upgrade) return { messages, end: 'complete' };
    at = stop;
  }
  return { messages, end: 'complete' };
}

interface NativeParser {
  initialize(type: number, resource: object, ...rest: unknown[]): void;
  execute(bytes: Buffer): number | Error;
  finish(): unknown;
  [callback: number]: unknown;
}

interface NativeBinding {
  readonly HTTPParser: (new () => NativeParser) & Record<string, number>;
  /** Every method that the parser knows, in its order. */
  readonly methods: readonly string[];
}

const { HTTPParser, methods } = process.getBuiltinModule('_http_common') as unknown as NativeBinding;

/** Reads all bytes as a sequence of messages with llhttp, strict, as `node:http` uses it; they may come in pieces. */
export function readLlhttp(bytes: Buffer, isResponse: boolean, pieces: readonly Buffer[] = [bytes]): Reading {
  const parser = new HTTPParser();
  const messages: Message[] = [];
  let first = '';
  let headers: string[] = [];
  let body = '';
  let inMessage = false;
  let url = '';
  let sawHead = false;
  parser.initialize(isResponse ? HTTPParser.RESPONSE : HTTPParser.REQUEST, {});
  parser[HTTPParser.kOnMessageBegin] = () => {
    inMessage = true;
    sawHead = false;
    headers = [];
    body = '';
    url = '';
  };
  parser[HTTPParser.kOnHeaders] = (more: string[], moreUrl: string) => {
    // Trailers come this way, too; they are no headers.
    if (!sawHead) headers.push(...more);
    url += moreUrl;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number, _minor: number, more: string[] | undefined, method: number, lastUrl: string | undefined, status: number,
  ) => {
    sawHead = true;
    headers.push(...(more ?? []));
    first = isResponse ? String(status) : `${methods[method]} ${url || lastUrl || ''}`;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer, offset = 0, length = chunk.length) => {
    body += chunk.toString('latin1', offset, offset + length);
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    inMessage = false;
    messages.push({ first, headers, body });
  };
  // It stops behind a request that asks for an upgrade; a server that does not upgrade goes on.
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const read = parser.execute(at === 0 ? piece : piece.subarray(at));
      if (typeof read !== 'number') return { messages, end: 'refused' };
      if (read === 0) break;
      at += read;
    }
  }
  const open = inMessage;
  // An answer may end with its connection.
  if (isResponse && open && parser.finish() !== undefined) return { messages, end: 'partial' };
  return { messages, end: open && inMessage ? 'partial' : 'complete' };
}

export const KNOWN_METHODS = new Set(methods);

/** Reads bytes that come in pieces, as a connection does: a head is looked at again with each piece, a body goes on where it was. */
export function readOursInPieces(pieces: readonly Buffer[], isResponse: boolean): Reading {
  const messages: Message[] = [];
  const head = new Head();
  const framing = new Framing();
  const body = new BodyReader();
  let stash: Buffer = Buffer.alloc(0);
  let current: { first: string; headers: string[]; body: string } | undefined;
  const finish = (): boolean => {
    messages.push(current!);
    current = undefined;
    return framing.close || framing.upgrade;
  };
  for (const piece of pieces) {
    let bytes = current === undefined ? Buffer.concat([stash, piece]) : piece;
    stash = Buffer.alloc(0);
    while (bytes.length > 0) {
      if (current === undefined) {
        const length = isResponse ? head.parseResponse(bytes, 0, bytes.length) : head.parseRequest(bytes, 0, bytes.length);
        if (length < 0) return { messages, end: 'refused' };
        if (length === 0) {
          stash = bytes;
          break;
        }
        if ((isResponse ? readResponse(head, framing, false) : readRequest(head, framing)) !== Refuse.Nothing) return { messages, end: 'refused' };
        const headers: string[] = [];
        for (let i = 0; i < head.count; i++) headers.push(head.text(head.nameStart(i), head.nameEnd(i)), head.value(i));
        const first = isResponse ? String(head.status) : `${head.text(head.methodStart, head.methodEnd)} ${head.text(head.targetStart, head.targetEnd)}`;
        current = { first, headers, body: '' };
        body.start(framing);
        bytes = bytes.subarray(length);
        if (body.done && finish()) return { messages, end: 'complete' };
        continue;
      }
      let stop = 0;
      if (framing.body === Body.Chunked) {
        stop = body.scanner.nextData(bytes, 0, bytes.length);
        if (stop >= 0) current.body += bytes.toString('latin1', body.scanner.dataStart, body.scanner.dataEnd);
      } else {
        stop = body.read(bytes, 0, bytes.length);
        if (stop >= 0) current.body += bytes.toString('latin1', 0, stop);
      }
      if (stop < 0) return { messages, end: 'refused' };
      bytes = bytes.subarray(stop);
      if (body.done && finish()) return { messages, end: 'complete' };
    }
  }
  if (current !== undefined && framing.body === Body.Close) {
    finish();
    return { messages, end: 'complete' };
  }
  return { messages, end: current !== undefined || stash.length > 0 ? 'partial' : 'complete' };
}
