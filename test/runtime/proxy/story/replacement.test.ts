import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { SecretConfig } from '../../../../runtime/proxy/config/types';
import { Authority, type Identity } from '../support/pki';
import { certificateOf, downstreamTls, trust, upstreamTls } from '../support/tls';
import { BACKENDS, handshake, TlsProxy } from '../tls/support';

/*
 * What is replaced while requests run: settings of listener, routes and cluster, the certificate that clients are shown, the one that endpoints are
 * shown, the authorities, and the endpoints themselves. All of it at once, again and again, and nobody may notice.
 */

const PAYMENT = 'spiffe://mesh/ns/shop/sa/payment';
const LIMITS = { maxConcurrentStreams: 100, initialStreamWindow: 65_536, connectionWindow: 1024 * 1024 };
const ROUNDS = 9;
/** Answers between two replacements. */
const BETWEEN = 16;

let ca: Authority;
let payment: Identity;
let generations: Identity[];
beforeAll(async () => {
  ca = await Authority.create('mesh');
  payment = await ca.issue({ uris: [PAYMENT], dns: ['payment.shop'] });
  generations = await Promise.all([1, 2].map(async () => ca.issue({ uris: ['spiffe://mesh/ns/shop/sa/cart'] })));
});

/** An endpoint that sends back what it gets, and keeps who asked. */
class Endpoint {
  /** Serial numbers of the certificates that it was shown. */
  readonly shown = new Set<string>();
  answered = 0;
  private readonly sockets = new Set<Socket>();
  private constructor(private readonly server: https.Server | http2.Http2SecureServer) {}

  static async start(version: 1 | 2): Promise<Endpoint> {
    const options = { key: payment.key, cert: payment.chain, ca: ca.bundle, requestCert: true, rejectUnauthorized: true };
    const server = version === 2 ? http2.createSecureServer(options) : https.createServer({ ...options, keepAliveTimeout: 0 });
    const endpoint = new Endpoint(server);
    server.on('secureConnection', (socket: TLSSocket) => {
      endpoint.sockets.add(socket);
      endpoint.shown.add(socket.getPeerX509Certificate()!.serialNumber);
    });
    server.on('request', (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      // Not before the request is complete: an answer that comes early ends a client's connection of HTTP/1.1.
      request.on('end', () => {
        endpoint.answered++;
        response.end(Buffer.concat(parts));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return endpoint;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** Whoever asks for as long as it is told; each says what it got. */
type Ask = (body: string) => Promise<{ status: number; body: string }>;

function byHttp1(agent: https.Agent, port: number, connections: Set<Socket>): Ask {
  return async (body) => new Promise((resolve, reject) => {
    const request = https.request({ host: '127.0.0.1', port, method: 'POST', path: '/', agent }, (response) => {
      connections.add(response.socket);
      let text = '';
      response.setEncoding('latin1').on('data', (part: string) => { text += part; });
      response.on('end', () => (response.complete ? resolve({ status: response.statusCode!, body: text }) : reject(new Error('cut off'))));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function byHttp2(session: http2.ClientHttp2Session): Ask {
  return async (body) => new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    let status = 0, text = '';
    stream.on('response', (headers) => { status = headers[':status']!; });
    stream.setEncoding('latin1').on('data', (part: string) => { text += part; });
    stream.on('end', () => resolve({ status, body: text }));
    stream.on('error', reject);
    stream.end(body);
  });
}

describe.each(BACKENDS)('%s', (_name, create) => {
  test.each([1, 2] as const)('endpoints of HTTP/%i: certificates, configuration and endpoints are replaced under load, and nothing is dropped', async (version) => {
    const endpoints = await Promise.all([1, 2, 3].map(async () => Endpoint.start(version)));
    const secrets = (round: number): SecretConfig[] => [
      { kind: 'certificate', name: 'own', certificate: certificateOf(generations[round % 2]) },
      { kind: 'validation', name: 'roots', validation: trust(ca.bundle + '\n'.repeat(1 + round)) },
    ];
    const validation = { trust: { secret: 'roots' }, defaults: undefined };
    const setting = (round: number) => ({
      downstream: {
        ...downstreamTls({ alpn: ['h2', 'http/1.1'] }), certificates: [{ secret: 'own' }], validation, requireClientCertificate: true,
        // Another setting of the listener and of the cluster in every third round; secrets and endpoints change in each.
        sessionTimeout: 3_600_000 + Math.floor(round / 3),
      },
      upstream: { ...upstreamTls({ alpn: [version === 2 ? 'h2' : 'http/1.1'], sni: 'payment.shop' }), certificates: [{ secret: 'own' }], validation },
      cluster: { connectTimeout: 5000 + round, http2: version === 2 ? LIMITS : undefined },
      secrets: secrets(round),
      upstreamPorts: [endpoints[round % 3].port, endpoints[(round + 1) % 3].port],
    });
    const first = setting(0);
    const proxy = await TlsProxy.start(create(), { ...first, upstream: { ...first.upstream } });
    const client = { ca: ca.bundle, key: payment.key, cert: payment.chain, checkServerIdentity: () => undefined };
    const agent = new https.Agent({ ...client, keepAlive: true, maxSockets: 4, ALPNProtocols: ['http/1.1'] });
    const session = http2.connect(`https://127.0.0.1:${proxy.port}`, client);
    await once(session, 'connect');
    let sessionEnded = false;
    session.on('goaway', () => { sessionEnded = true; });
    session.on('close', () => { sessionEnded = true; });
    const connections = new Set<Socket>();

    const wrong: unknown[] = [];
    let answered = 0, running = true;
    let enough: { count: number; tell: () => void } | undefined;
    const answers = async (more: number): Promise<void> => new Promise((tell) => { enough = { count: answered + more, tell }; });
    const ask = async (by: Ask, name: string): Promise<void> => {
      for (let n = 0; running; n++) {
        const body = `${name} ${n} ${'x'.repeat((n * 7919) % 40_000)}`;
        const got = await by(body).catch((error: Error) => error);
        if (got instanceof Error) wrong.push(got.message);
        else if (got.status !== 200 || got.body !== body) wrong.push([got.status, got.body.slice(0, 40)]);
        answered++;
        if (enough !== undefined && answered >= enough.count) enough.tell();
      }
    };
    const asking = [
      ...[1, 2, 3, 4].map(async (n) => ask(byHttp1(agent, proxy.port, connections), `h1-${n}`)),
      ...[1, 2, 3, 4].map(async (n) => ask(byHttp2(session), `h2-${n}`)),
    ];
    for (let round = 1; round <= ROUNDS; round++) {
      await answers(BETWEEN);
      await proxy.apply(setting(round));
    }
    await answers(BETWEEN);
    running = false;
    await Promise.all(asking);

    expect(wrong).toEqual([]);
    expect(new Set(proxy.ended.map(({ status, flag }) => `${status} ${flag}`))).toEqual(new Set(['200 undefined']));
    expect(proxy.ended.length).toBe(answered);
    // No client's connection was closed for it.
    expect([sessionEnded, connections.size <= 4, [...connections].some(({ destroyed }) => destroyed)]).toEqual([false, true, false]);
    // All of it was in force: each endpoint was asked, by both certificates, and clients are shown the last.
    expect(endpoints.map(({ answered: count }) => count > 0)).toEqual([true, true, true]);
    expect(new Set(endpoints.flatMap(({ shown }) => [...shown]))).toEqual(new Set(generations.map(({ serial }) => serial)));
    const last = await handshake(proxy.port, client);
    expect(last.getPeerX509Certificate()!.serialNumber).toBe(generations[ROUNDS % 2].serial);
    last.destroy();
    agent.destroy();
    session.destroy();
    await proxy.close();
    await Promise.all(endpoints.map(async (endpoint) => endpoint.close()));
  });
});
