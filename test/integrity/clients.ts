import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { chunkedBody, HTTPParser } from './http1';
import { bodyOf, cut, digestOf, drained, RESETS, turn, type Failures, type Plan } from './plan';

/** What became of a request. */
export type Outcome = 'answered' | 'refused' | 'cut off';

/** A client's connection, made anew whenever one has ended. */
export interface Client {
  ask(plan: Plan, path: string): Promise<Outcome>;
  close(): void;
}

interface Answer {
  status: number;
  headers: Map<string, string>;
  body: Buffer;
  /** Everything of it has come. */
  complete: boolean;
}

/** Judges an answer by the plan. One that is not complete is fine where somebody broke off, and never otherwise. */
function judge(plan: Plan, answer: Answer, failures: Failures, where: string): Outcome {
  const { id, abort, method } = plan;
  const { status, headers, body, complete } = answer;
  // Of a request that is not complete yet the answer of the proxy closes the stream early.
  if (status === 503 && abort !== 'none' && body.includes('upstream_reset_before_response_started')) return 'refused';
  if (!complete) {
    if (abort === 'none') failures.add(`${where} ${id}: no complete answer, though nobody broke off (status ${status}, ${body.length} bytes)`);
    return 'cut off';
  }
  if (headers.get('x-id') === undefined) {
    if (abort === 'none') failures.add(`${where} ${id}: refused with ${status}: ${body.toString('latin1').slice(0, 200)}`);
    return 'refused';
  }
  if (headers.get('x-id') !== id) failures.add(`${where} ${id}: got the answer to ${headers.get('x-id')}`);
  if (status !== plan.status) failures.add(`${where} ${id}: status ${status} is not ${plan.status}`);
  const expected = method === 'HEAD' ? Buffer.alloc(0) : bodyOf(id, 'answer', plan.answerBytes);
  if (digestOf(body) !== digestOf(expected)) failures.add(`${where} ${id}: ${body.length} bytes of an answer came as its ${expected.length} (${abort})`);
  return 'answered';
}

/** HTTP/1.1 on raw sockets, so that every byte can be cut; answers are read by llhttp. */
export class Http1Client implements Client {
  private socket: net.Socket | undefined;
  private answer: Answer | undefined;
  private isHead = false;
  private settle: (() => void) | undefined;

  constructor(private readonly port: number, private readonly secure: boolean, private readonly failures: Failures, private readonly where: string) {}

  private connect(): net.Socket {
    const options = { host: '127.0.0.1', port: this.port };
    const socket = this.secure ? tls.connect({ ...options, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }) : net.connect(options);
    const parser = new HTTPParser();
    parser.initialize(HTTPParser.RESPONSE, {});
    parser[HTTPParser.kOnHeadersComplete] = (_a: number, _b: number, headers: string[], _c: unknown, _d: unknown, status: number) => {
      if (status < 200 || this.answer === undefined) return 0;
      this.answer.status = status;
      for (let i = 0; i < headers.length; i += 2) this.answer.headers.set(headers[i].toLowerCase(), headers[i + 1]);
      return this.isHead ? 1 : 0;
    };
    parser[HTTPParser.kOnBody] = (chunk: Buffer, offset = 0, length = chunk.length) => {
      this.body.push(Buffer.from(chunk.subarray(offset, offset + length)));
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
      if (this.answer === undefined || this.answer.status === 0) return;
      this.answer.complete = true;
      this.settle?.();
    };
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      if (this.socket !== socket) return;
      const read = parser.execute(bytes);
      if (typeof read !== 'number') {
        this.failures.add(`${this.where}: llhttp does not take the answer: ${read.message}`);
        socket.destroy();
      }
      if (this.slow) {
        socket.pause();
        setImmediate(() => socket.resume());
      }
    });
    socket.on('end', () => {
      if (this.socket === socket && this.answer !== undefined && this.answer.status > 0 && !this.answer.complete) parser.finish();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.settle?.();
    });
    this.socket = socket;
    return socket;
  }

  private body: Buffer[] = [];
  private slow = false;

  async ask(plan: Plan, path: string): Promise<Outcome> {
    const { id, method, random, abort } = plan;
    const fresh = this.socket === undefined || this.socket.destroyed;
    const socket = fresh ? this.connect() : this.socket!;
    const answer: Answer = (this.answer = { status: 0, headers: new Map(), body: Buffer.alloc(0), complete: false });
    this.body = [];
    this.isHead = method === 'HEAD';
    this.slow = plan.slow;
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const body = bodyOf(id, 'request', plan.requestBytes);
    const framing = !hasBody ? '' : plan.requestFraming === 'length' ? `content-length: ${body.length}\r\n` : 'transfer-encoding: chunked\r\n';
    const last = random.below(20) === 0;
    const head = `${method} ${path} HTTP/1.1\r\nhost: a\r\nx-id: ${id}\r\n${framing}${last ? 'connection: close\r\n' : ''}\r\n`;
    const bytes = Buffer.concat([Buffer.from(head), hasBody ? (plan.requestFraming === 'length' ? body : chunkedBody(body, plan)) : Buffer.alloc(0)]);
    const stop = abort === 'client-in-request' ? Math.floor(plan.abortAt * bytes.length) : bytes.length;
    const done = new Promise<void>((resolve) => { this.settle = resolve; });
    void this.send(socket, cut(bytes.subarray(0, stop), random), plan, stop < bytes.length);
    let look: (() => void) | undefined;
    if (abort === 'client-in-answer') {
      const wanted = Math.floor(plan.abortAt * plan.answerBytes);
      look = (): void => {
        if (this.body.reduce((sum, { length }) => sum + length, 0) >= wanted) this.reset(socket, random.below(2) === 0);
      };
      socket.on('data', look);
    }
    await done;
    if (look !== undefined) socket.off('data', look);
    this.settle = undefined;
    this.answer = undefined;
    answer.body = Buffer.concat(this.body);
    if (answer.complete && (last || answer.headers.get('connection') === 'close')) this.drop(socket);
    if (!answer.complete && !fresh && answer.status === 0 && abort === 'none' && !this.retried) {
      // The proxy closed the kept connection before it saw the request: a client tries again on another.
      this.retried = true;
      const again = await this.ask(plan, path);
      this.retried = false;
      return again;
    }
    return judge(plan, answer, this.failures, this.where);
  }

  private retried = false;

  private async send(socket: net.Socket, pieces: readonly Buffer[], plan: Plan, breaksOff: boolean): Promise<void> {
    for (const piece of pieces) {
      if (socket.destroyed) return;
      if (!socket.write(piece)) await drained(socket);
      else if (plan.random.below(2) === 0) await turn();
    }
    if (breaksOff) this.reset(socket, plan.random.below(2) === 0);
  }

  private reset(socket: net.Socket, hard: boolean): void {
    if (hard && !this.secure) socket.resetAndDestroy();
    else socket.destroy();
  }

  private drop(socket: net.Socket): void {
    if (this.socket === socket) this.socket = undefined;
    socket.destroy();
  }

  close(): void {
    if (this.socket !== undefined) this.drop(this.socket);
  }
}

/** HTTP/2 by node:http2; several of these share a connection. */
export class Http2Client implements Client {
  private session: http2.ClientHttp2Session | undefined;

  constructor(private readonly port: number, private readonly secure: boolean, private readonly failures: Failures, private readonly where: string) {}

  private connect(): http2.ClientHttp2Session {
    const session = http2.connect(`${this.secure ? 'https' : 'http'}://127.0.0.1:${this.port}`, { rejectUnauthorized: false });
    session.on('error', () => undefined);
    const gone = (): void => { if (this.session === session) this.session = undefined; };
    session.on('close', gone);
    session.on('goaway', gone);
    return (this.session = session);
  }

  async ask(plan: Plan, path: string): Promise<Outcome> {
    const { id, method, random, abort } = plan;
    const session = this.session === undefined || this.session.closed || this.session.destroyed ? this.connect() : this.session;
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const body = bodyOf(id, 'request', plan.requestBytes);
    const headers: http2.OutgoingHttpHeaders = { ':method': method, ':path': path, 'x-id': id };
    if (hasBody && plan.requestFraming === 'length') headers['content-length'] = body.length;
    const given = new AbortController();
    const stream = session.request(headers, { endStream: !hasBody, waitForTrailers: hasBody && plan.trailers, signal: given.signal });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': id }));
    const answer: Answer = { status: 0, headers: new Map(), body: Buffer.alloc(0), complete: false };
    const parts: Buffer[] = [];
    let bytes = 0;
    let reset = false;
    const done = new Promise<void>((resolve) => {
      stream.on('response', (got) => {
        answer.status = Number(got[':status']);
        for (const [name, value] of Object.entries(got)) answer.headers.set(name, String(value));
      });
      stream.on('data', (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (abort === 'client-in-answer' && bytes >= Math.floor(plan.abortAt * plan.answerBytes)) {
          stream.close(random.pick(RESETS));
        } else if (plan.slow) {
          stream.pause();
          setImmediate(() => stream.resume());
        }
      });
      stream.on('aborted', () => { reset = true; });
      stream.on('error', () => { reset = true; });
      stream.on('close', () => {
        answer.complete = !reset && answer.status > 0 && stream.rstCode === http2.constants.NGHTTP2_NO_ERROR;
        resolve();
      });
    });
    if (hasBody) void this.send(stream, body, plan, given);
    await done;
    answer.body = Buffer.concat(parts);
    if (random.below(200) === 0) {
      // Now and then another connection.
      session.close();
      if (this.session === session) this.session = undefined;
    }
    return judge(plan, answer, this.failures, this.where);
  }

  private async send(stream: http2.ClientHttp2Stream, body: Buffer, plan: Plan, given: AbortController): Promise<void> {
    const stop = plan.abort === 'client-in-request' ? Math.floor(plan.abortAt * body.length) : body.length;
    for (const piece of cut(body.subarray(0, stop), plan.random)) {
      if (stream.destroyed || stream.closed) return;
      if (!stream.write(piece)) await drained(stream);
      else if (plan.random.below(2) === 0) await turn();
    }
    // By CANCEL or INTERNAL_ERROR. Not `close`, which ends the stream before it resets it: as good as a shorter request.
    if (plan.abort !== 'client-in-request') stream.end();
    else if (plan.random.below(2) === 0) given.abort();
    else stream.destroy(new Error('given up'));
  }

  close(): void {
    this.session?.destroy();
  }
}
