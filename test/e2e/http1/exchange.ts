import * as http from 'node:http';
import * as net from 'node:net';
import { readLlhttp, type Message } from '../../runtime/proxy/support/messages';

/** What an upstream says that it got: enough to see whether two proxies read the same. */
export interface Echo {
  readonly method: string;
  readonly target: string;
  readonly host: string | undefined;
  readonly body: string;
}

/** Says in a header what it got, whatever it is. */
export class EchoServer {
  /** Why bytes were no request to llhttp; a method that it does not know is no fault. */
  readonly unreadable: string[] = [];
  private constructor(private readonly server: http.Server) {}

  static async start(): Promise<EchoServer> {
    const server = http.createServer({ keepAliveTimeout: 0, requireHostHeader: false }, (request, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (part: string) => { body += part; });
      request.on('error', () => undefined);
      request.on('end', () => {
        const echo: Echo = { method: request.method!, target: request.url!, host: request.headers.host, body };
        response.writeHead(200, { 'x-echo': encodeURIComponent(JSON.stringify(echo)), 'content-length': 0 }).end();
      });
    });
    const made = new EchoServer(server);
    server.on('checkContinue', (request, response) => server.emit('request', request, response));
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const { code = '' } = error;
      if (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE' && code !== 'HPE_INVALID_METHOD') made.unreadable.push(`${code}: ${error.message}`);
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Everything that comes back for `bytes` on a connection of its own, until the proxy closes it. Pieces go out one by one, as segments of their own. */
export async function send(port: number, bytes: Buffer, pieces: readonly Buffer[] = [bytes]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const write = (index: number): void => {
      if (index === pieces.length || socket.destroyed) return;
      socket.write(pieces[index], () => setImmediate(write, index + 1));
    };
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }, () => write(0));
    // Much longer than anything may take: whoever keeps a connection open shows by it.
    socket.setTimeout(20_000, () => reject(new Error(`kept open after ${JSON.stringify(bytes.toString('latin1'))}`)));
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}

const header = ({ headers }: Message, name: string): string | undefined => {
  const at = headers.findIndex((value, i) => i % 2 === 0 && value.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
};

/** The requests that went through, as the upstream saw them, and the status that ended it. */
export function echoes(received: Buffer): { passed: Echo[]; refused: string | undefined } {
  const { messages } = readLlhttp(received, true);
  const passed: Echo[] = [];
  let refused: string | undefined;
  for (const message of messages) {
    const echo = header(message, 'x-echo');
    if (echo !== undefined) passed.push(JSON.parse(decodeURIComponent(echo)) as Echo);
    else if (message.first !== '408' && !message.first.startsWith('1')) refused ??= message.first;
  }
  return { passed, refused };
}

/** An upstream that answers the request for `/N` with the N-th of its texts, and ends the connection. */
export class Answers {
  texts: readonly string[] = [];
  private readonly sockets = new Set<net.Socket>();
  private constructor(private readonly server: net.Server) {}

  static async start(): Promise<Answers> {
    const server = net.createServer((socket) => {
      made.sockets.add(socket);
      let got = '';
      socket.setEncoding('latin1').on('data', (part: string) => {
        got += part;
        const [, n] = /^GET \/(\d+) [^]*\r\n\r\n$/.exec(got) ?? [];
        if (n !== undefined) socket.end(Buffer.from(made.texts[Number(n)], 'latin1'));
      });
      socket.on('error', () => undefined);
      socket.on('close', () => made.sockets.delete(socket));
    });
    const made = new Answers(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
