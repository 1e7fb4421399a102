import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { systemClock } from '../../../../runtime/clock';
import type {
  ClusterConfig, DownstreamTlsConfig, FilterChainConfig, ProxySnapshot, SecretConfig, UpstreamTlsConfig,
} from '../../../../runtime/proxy/config/types';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';
import { Proxy } from '../../../../runtime/proxy/proxy';
import type { HandshakeFailure } from '../../../../runtime/proxy/tls/failures';
import { createPortableTransport, createRawTransport, type Transport } from '../../../../runtime/proxy/transport';
import { actionConfig, clusterConfig, listenerConfig, routeConfig, routeTable, snapshot } from '../support/config';

export const BACKENDS = [['raw', createRawTransport], ['portable', createPortableTransport]] as const;

export interface Setting {
  readonly downstream?: DownstreamTlsConfig;
  readonly upstream?: UpstreamTlsConfig;
  readonly cluster?: Partial<ClusterConfig>;
  readonly secrets?: readonly SecretConfig[];
  readonly upstreamPorts?: readonly number[];
  /** Instead of one HTTP connection manager; told apart by the first bytes. */
  readonly chains?: readonly FilterChainConfig[];
}

export type Ended = Pick<RequestRecord, 'status' | 'flag' | 'detail' | 'transportFailure' | 'downstreamTls' | 'upstreamTls' | 'protocol'>;

/** A proxy with one listener and one cluster. */
export class TlsProxy {
  readonly failures: HandshakeFailure[] = [];
  readonly ended: Ended[] = [];
  readonly proxy: Proxy;
  private readonly waiting: { test: () => boolean; resolve: () => void }[] = [];
  private current: Setting = {};

  private constructor(readonly transport: Transport) {
    this.proxy = new Proxy({
      clock: systemClock, transport, random: Math.random, ticketSecret: new Uint8Array(32).fill(7),
      observer: {
        requestEnded: ({ status, flag, detail, transportFailure, downstreamTls, upstreamTls, protocol }) => {
          this.ended.push({ status, flag, detail, transportFailure, downstreamTls, upstreamTls, protocol });
          this.settle();
        },
      },
      onHandshakeFailure: (failure) => {
        this.failures.push(failure);
        this.settle();
      },
      onTlsDegraded: (reason) => { throw new Error(reason); },
    });
  }

  static async start(transport: Transport, setting: Setting): Promise<TlsProxy> {
    const made = new TlsProxy(transport);
    await made.apply(setting);
    return made;
  }

  /** Puts another setting in force; what is the same object is the same configuration. */
  async apply(setting: Setting): Promise<void> {
    this.current = { ...this.current, ...setting };
    await this.proxy.apply(this.snapshot());
  }

  private parts: ReturnType<TlsProxy['make']> | undefined;

  private make(setting: Setting) {
    const listener = listenerConfig();
    return {
      setting,
      listener: {
        ...listener,
        ...setting.chains && { inspect: { tls: true, http: true, timeout: 15_000, continueOnTimeout: false } },
        filterChains: setting.chains ?? listener.filterChains.map((chain) => ({ ...chain, transportSocket: setting.downstream })),
      },
      routes: routeTable([routeConfig(actionConfig())]),
      cluster: clusterConfig({ name: 'payment', transportSocket: setting.upstream, connectTimeout: 5000, ...setting.cluster }),
    };
  }

  private snapshot(): ProxySnapshot {
    const { downstream, upstream, secrets = [], upstreamPorts = [] } = this.current;
    const before = this.parts?.setting;
    if (this.parts === undefined || before?.downstream !== downstream || before?.upstream !== upstream) this.parts = this.make(this.current);
    const { listener, routes, cluster } = this.parts;
    return { ...snapshot(listener, routes, [[cluster, upstreamPorts]]), secrets: new Map(secrets.map((secret) => [secret.name, secret])) };
  }

  get port(): number {
    return this.proxy.listeners.get('ingress')!.port;
  }

  async until(test: () => boolean): Promise<void> {
    if (test()) return;
    await new Promise<void>((resolve) => this.waiting.push({ test, resolve }));
  }

  private settle(): void {
    for (let at = this.waiting.length - 1; at >= 0; at--) if (this.waiting[at].test()) this.waiting.splice(at, 1)[0].resolve();
  }

  async close(): Promise<void> {
    await this.proxy.close();
  }
}

export interface TlsAnswer {
  readonly status: number;
  readonly body: string;
  readonly session: tls.TLSSocket;
}

/** One request over TLS on a connection of its own; rejects where there is no answer. */
export async function askTls(port: number, options: https.RequestOptions): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    const request = https.request({ host: '127.0.0.1', port, path: '/', agent: false, checkServerIdentity: () => undefined, ...options }, (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => resolve({ status: response.statusCode!, body, session: response.socket as tls.TLSSocket }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

/** A handshake alone. */
export async function handshake(port: number, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, checkServerIdentity: () => undefined, ...options }, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** An upstream that speaks TLS and says who asked. */
export class TlsUpstream {
  private constructor(readonly server: https.Server) {}

  static async start(options: https.ServerOptions, listener?: https.ServerOptions['requestCert'] extends unknown ? Parameters<typeof https.createServer>[1] : never): Promise<TlsUpstream> {
    const server = https.createServer(options, listener ?? ((request, response) => {
      const peer = (request.socket as tls.TLSSocket).getPeerX509Certificate();
      response.end(`${request.url} ${peer?.subjectAltName ?? 'nobody'} ${request.headers['x-forwarded-proto']}`);
    }));
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TlsUpstream(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }
}
