import { createHash } from 'node:crypto';
import * as http from 'node:http';
import { Proxy } from '../../../../runtime/proxy/proxy';
import { createPortableTransport, createRawTransport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, retryConfig, routeConfig, routeTable, snapshot } from '../support/config';
import { EventClock } from '../support/event-clock';
import { managerOf } from '../support/harness';
import { RawClient, Upstream } from '../support/sockets';

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('base64');

/** Small numbers from a seed, so that a failure can be repeated. */
function sequence(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 0x1_0000_0000) * below);
  };
}

function randomBody(next: (below: number) => number): Buffer {
  const size = [0, 1, 100, 5000, 65_536, 200_000, 1_500_000][next(7)];
  const body = Buffer.alloc(size);
  for (let i = 0; i < size; i += 97) body[i] = next(256);
  return body;
}

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('bodies through real sockets, %s transport', (_name, createTransport) => {
  let clock: EventClock;
  let proxy: Proxy;
  let upstream: Upstream;
  let port: number;
  let records: (string | undefined)[];

  beforeEach(async () => {
    clock = new EventClock();
    records = [];
    proxy = new Proxy({ clock, transport: createTransport(), random: Math.random, observer: { requestEnded: ({ flag }) => records.push(flag) } });
    const next = sequence(5);
    upstream = await Upstream.start((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = randomBody(next);
        const headers: http.OutgoingHttpHeaders = { 'x-request-digest': digest(Buffer.concat(parts)), 'x-digest': digest(body) };
        if (next(2)) headers['content-length'] = body.length;
        if (next(8) === 0) headers.connection = 'close';
        response.writeHead(200, headers);
        const cut = next(body.length + 1);
        response.write(body.subarray(0, cut));
        response.end(body.subarray(cut));
      });
    });
    const routes = routeTable([routeConfig(actionConfig({ retry: retryConfig() }))]);
    await proxy.apply(snapshot(listenerConfig(), routes, [[clusterConfig(), [upstream.port]]]));
    port = proxy.listeners.get('ingress')!.port;
  });

  afterEach(async () => {
    await proxy.close();
    await upstream.kill();
    expect(clock.virtual.timers).toBe(0);
  });

  test('every digest is equal, and nothing is left', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    const next = sequence(9);
    const one = async (): Promise<void> => {
      const body = randomBody(next);
      const chunked = next(2) === 0;
      const slow = next(4) === 0;
      await new Promise<void>((resolve, reject) => {
        const headers = chunked ? {} : { 'content-length': body.length };
        const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/', agent, headers }, (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => {
            parts.push(part);
            if (!slow) return;
            response.pause();
            setImmediate(() => response.resume());
          });
          response.on('error', reject);
          response.on('end', () => {
            expect(response.headers['x-request-digest']).toBe(digest(body));
            expect(response.headers['x-digest']).toBe(digest(Buffer.concat(parts)));
            resolve();
          });
        });
        request.on('error', reject);
        for (let at = 0; at < body.length;) {
          const size = 1 + next(300_000);
          request.write(body.subarray(at, at + size));
          at += size;
        }
        request.end();
      });
    };
    for (let round = 0; round < 25; round++) await Promise.all(Array.from({ length: 8 }, one));
    expect(records).toEqual(Array.from({ length: 200 }, () => undefined));
    const cluster = proxy.clusters.get('payment')!;
    expect(cluster).toMatchObject({ activeRequests: 0, activeRetries: 0, pending: 0 });
    expect(managerOf(proxy.listeners.get('ingress')!).stats).toMatchObject({ rqTotal: 200, rqActive: 0, upgradeActive: 0 });
    expect(cluster.connections).toBeLessThanOrEqual(8);
    agent.destroy();
  }, 20_000);

  test('clients that break off leave nothing behind', async () => {
    const next = sequence(3);
    const stats = managerOf(proxy.listeners.get('ingress')!).stats;
    await Promise.all(Array.from({ length: 40 }, async (_, i) => {
      const client = new RawClient(port);
      const head = `POST /${i} HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n`;
      client.socket.write(head.slice(0, 20 + next(head.length)) + (next(2) ? 'x'.repeat(next(90_000)) : ''));
      await new Promise<void>((resolve) => client.socket.once('connect', resolve));
      if (next(2)) client.socket.resetAndDestroy();
      else client.socket.destroy();
    }));
    // One that completes, after all of those have come to the proxy.
    const last = new RawClient(port);
    last.socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    await last.until(() => last.ended);
    expect(last.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    await proxy.drain(1_000_000);
    expect(stats.rqActive).toBe(0);
    expect(proxy.clusters.get('payment')).toMatchObject({ activeRequests: 0, pending: 0 });
  });

  test('pipelined requests on a real socket come back in order, half-closed', async () => {
    const client = new RawClient(port);
    const count = 50;
    client.socket.end(Array.from({ length: count }, (_, i) => `GET /${i} HTTP/1.1\r\nhost: a\r\n${i === count - 1 ? 'connection: close\r\n' : ''}\r\n`).join(''));
    await client.until(() => client.ended);
    expect(upstream.requests).toEqual(Array.from({ length: count }, (_, i) => `GET /${i}`));
    expect(records).toHaveLength(count);
  });
});
