import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIGEST, ID } from './exchange';
import { complaints, LoadProcess, loadPrograms, type LoadPrograms } from '.';

/** The judge is judged: what a proxy between the two does wrong must be seen. */
jest.setTimeout(60_000);
const folder = mkdtempSync(join(tmpdir(), 'meshwright-load-'));
let programs: LoadPrograms;
let echo: ChildProcess;
let port: number;
const servers: Server[] = [];

beforeAll(async () => {
  programs = loadPrograms(folder);
  port = await freePort();
  echo = spawn(process.execPath, [programs.echo], { env: { HOST: '127.0.0.1', PORT: String(port), SERVED_BY: 'echo-1' }, stdio: 'inherit' });
});
afterAll(async () => {
  const ended = new Promise((done) => echo.once('exit', done));
  echo.kill('SIGTERM');
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map(async (server) => new Promise((done) => server.close(done))));
  await ended;
  rmSync(folder, { recursive: true });
});

type Fault = (request: IncomingMessage, response: ServerResponse, forward: (change?: (answer: Answer) => Answer) => void) => void;
interface Answer { readonly headers: Record<string, string>; readonly body: Buffer }

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return free;
}

/** A proxy that does `fault` to every hundredth request. */
async function proxyWith(fault: Fault): Promise<string> {
  let count = 0;
  const server = createServer((incoming, response) => {
    const forward = (change: (answer: Answer) => Answer = (answer) => answer): void => {
      const { pathname } = new URL(incoming.url!);
      const sent = request({ host: '127.0.0.1', port, path: pathname, method: incoming.method, headers: incoming.headers }, (answered) => {
        const parts: Buffer[] = [];
        answered.on('data', (part: Buffer) => parts.push(part));
        answered.on('end', () => {
          const { headers, body } = change({ headers: answered.headers as Record<string, string>, body: Buffer.concat(parts) });
          response.writeHead(answered.statusCode!, { ...headers, 'content-length': body.length });
          response.end(body);
        });
      });
      sent.on('error', () => response.writeHead(503).end('no service'));
      incoming.pipe(sent);
    };
    if (incoming.headers[ID] !== undefined && ++count % 100 === 0) fault(incoming, response, forward);
    else forward();
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function loaded(fault: Fault) {
  const load = await LoadProcess.start(programs.generator, { url: 'http://echo/', proxies: [await proxyWith(fault)] });
  try {
    await load.flowing(500);
    return await load.stop();
  } finally {
    await load.close();
  }
}

test('every request has its own answer: none is lost, none is wrong', async () => {
  const report = await loaded((_request, _response, forward) => forward());
  expect(complaints(report)).toEqual([]);
  expect(report.sent).toBeGreaterThanOrEqual(500);
  expect(report.answered).toBe(report.sent);
  expect(report.servedBy).toEqual({ 'echo-1': report.sent });
});

test.each<[string, 'lost' | 'wrong', Fault, RegExp]>([
  ['a connection that is cut', 'lost', (incoming) => incoming.socket.destroy(), /socket hang up|ECONNRESET/],
  ['an answer that is cut off', 'lost', (incoming, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half');
    setImmediate(() => incoming.socket.destroy());
  }, /aborted|cut off/],
  ['an error of the proxy', 'lost', (_incoming, response) => { response.writeHead(503).end('no host'); }, /answered 503: no host/],
  ['the answer to another request', 'wrong', (_incoming, _response, forward) => forward(({ headers, body }) => ({ headers: { ...headers, [ID]: 'another' }, body })), /got the answer to another/],
  ['a request whose bytes were changed', 'wrong', (_incoming, _response, forward) => forward(({ headers, body }) => ({ headers: { ...headers, [DIGEST]: 'other' }, body })), /the service got other bytes/],
  ['an answer whose bytes were changed', 'wrong', (_incoming, _response, forward) => forward(({ headers, body }) => ({ headers, body: Buffer.concat([body, Buffer.from('x')]) })), /bytes came that the service has not sent/],
])('%s is %s', async (_, kind, fault, words) => {
  const report = await loaded(fault);
  expect(report[kind]).toBeGreaterThanOrEqual(5);
  expect(report.lost + report.wrong).toBe(report[kind]);
  expect(report.failures[0]).toMatch(words);
  expect(complaints(report)[0]).toContain(`of ${report.sent} requests`);
});
