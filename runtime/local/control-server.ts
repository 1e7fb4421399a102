import { createServer, type Server } from 'node:http';

/** Port of the runner's own server, on the first address of the block. */
export const RUNNER_PORT = 15900;

/**
 * `POST /payment/fail` does what the line `payment: fail` does; `GET /` says what runs, other pages are those of `page`. For this machine's own programs, not for
 * web pages.
 */
export async function startControlServer(
  address: string, handlers: { command(line: string): Promise<string>; status(): unknown; page(path: string): string | undefined },
): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => response.writeHead(status, { 'content-type': type }).end(body);
    request.resume();
    // A page in a browser sends an Origin, or a Host that is a name of its own: neither may break things here.
    if (request.headers.origin !== undefined || request.headers.host !== `${address}:${RUNNER_PORT}`) return answer(403, 'not for web pages\n');
    if (request.method === 'GET' && request.url === '/') return answer(200, `${JSON.stringify(handlers.status(), undefined, 2)}\n`, 'application/json');
    const page = request.method === 'GET' ? handlers.page(request.url ?? '') : undefined;
    if (page !== undefined) return answer(200, page);
    const words = /^\/([-a-z0-9]+)\/([-a-z]+)$/.exec(request.url ?? '');
    if (!words) return answer(404, 'POST /<service>/<verb>, GET /\n');
    if (request.method !== 'POST') return answer(405, 'POST it\n');
    return handlers.command(`${words[1]}: ${words[2]}`).then((done) => answer(200, `${done}\n`), (error: Error) => answer(400, `${error.message}\n`));
  });
  await listen(server, address);
  return { close: async () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections(); }) };
}

async function listen(server: Server, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Error(reasonOf(error, address), { cause: error })));
    server.listen(RUNNER_PORT, address, resolve);
  });
}

function reasonOf(error: NodeJS.ErrnoException, address: string): string {
  const block = `${address.split('.').slice(0, 2).join('.')}.0.0/16`;
  if (error.code === 'EADDRINUSE') return `another mesh runs at ${block}: end it, or choose other addresses with --addresses 127.78.0.0/16`;
  if (error.code === 'EADDRNOTAVAIL') {
    return `${address} is no address of this machine; Linux has all of 127.0.0.0/8, elsewhere each address must be added (macOS: sudo ifconfig lo0 alias ${address})`;
  }
  return `${address}:${RUNNER_PORT}: ${error.message}`;
}
