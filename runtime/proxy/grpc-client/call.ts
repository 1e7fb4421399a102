import { isIP } from 'node:net';
import type { Clock, Timer } from '../../clock';
import type { HostPort } from '../config/decode/scalars';
import { GrpcStatus } from '../grpc/status';
import { Deadlines } from '../timer';
import { chooseTls, type ClientTls, type Transport } from '../transport';
import { CallStream } from './call-stream';
import { GrpcConnection } from './connection';

/** What every call of this proxy to its control plane is made with. */
export interface GrpcClientDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  /** 0 ≤ x < 1: of several addresses of a name any is tried first. */
  readonly random: () => number;
  /** Addresses of a host name. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
}

export interface GrpcCallOptions {
  readonly target: HostPort;
  readonly path: string;
  /** `:authority`; undefined: the target. */
  readonly authority?: string;
  readonly metadata?: readonly (readonly [name: string, value: string])[];
  /** What the connection is secured by, asked for anew for each; undefined: plain text. */
  readonly tls?: () => Promise<ClientTls>;
  /** Milliseconds until there has to be a connection, names and TLS included. */
  readonly connectTimeout: number;
  readonly keepalive?: { readonly interval: number; readonly timeout: number };
  /** Bytes of a message that comes, at most. */
  readonly maxMessage: number;
}

export interface GrpcCallEvents {
  message(bytes: Buffer): void;
  /** Once, and never from within `startCall`. Text is the server's own, or says what kept it from answering. */
  ended(status: number, text: string): void;
}

/**
 * One call over a connection of its own: a lost connection is a lost call, and retried by whoever made it. It goes to the first of a name's addresses
 * that takes the connection.
 */
export class GrpcCall {
  private readonly deadlines: Deadlines;
  private readonly messages: Uint8Array[] = [];
  private requestEnded = false;
  private stream: CallStream | undefined;
  private connected = false;
  private over = false;
  private readonly timer: Timer;
  private addresses: string[] = [];
  private tls: ClientTls | undefined;

  constructor(private readonly deps: GrpcClientDeps, private readonly options: GrpcCallOptions, private readonly events: GrpcCallEvents) {
    const { clock } = deps;
    const { connectTimeout } = options;
    this.deadlines = new Deadlines(clock);
    this.timer = clock.setTimer(connectTimeout, () => {
      if (!this.connected) this.end(GrpcStatus.Unavailable, `no connection within ${connectTimeout} ms`);
    });
    void this.begin().catch((error: Error) => this.end(GrpcStatus.Unavailable, error.message));
  }

  private async begin(): Promise<void> {
    const { deps: { transport, clock, random, resolve }, options: { target, tls } } = this;
    const [addresses, client] = await Promise.all([isIP(target.host) === 0 ? resolve(target.host) : [target.host], tls?.()]);
    if (client !== undefined) await chooseTls(transport, clock);
    if (this.over) return;
    this.tls = client;
    this.addresses = shuffled(addresses, random);
    this.connect();
  }

  private connect(): void {
    const { deps: { transport, clock }, options, deadlines, tls } = this;
    const { target: { host, port }, path, authority = `${host}:${port}`, metadata = [], keepalive, maxMessage } = options;
    const connection = new GrpcConnection(this.addresses.shift()!, port, {
      transport, clock, deadlines, keepalive, tls, connected: () => { this.connected = true; },
    });
    const stream = this.stream = new CallStream(connection, { path, authority, secure: tls !== undefined, metadata }, {
      message: (bytes) => this.events.message(bytes),
      ended: (status, text) => this.end(status, text),
      unconnected: (text) => {
        if (this.over) return;
        if (this.addresses.length > 0) this.connect();
        else this.end(GrpcStatus.Unavailable, text);
      },
    }, maxMessage);
    for (const message of this.messages) stream.write(message);
    if (this.requestEnded) stream.endRequest();
    connection.begin(stream);
  }

  send(message: Uint8Array): void {
    // Until then it may have to go to another address.
    if (!this.connected) this.messages.push(message);
    this.stream?.write(message);
  }

  endRequest(): void {
    this.requestEnded = true;
    this.stream?.endRequest();
  }

  /** Ends call and connection. Nothing is told afterwards. */
  cancel(): void {
    if (this.over) return;
    this.finish();
    this.stream?.cancel();
  }

  private end(status: number, text: string): void {
    if (this.over) return;
    this.finish();
    this.stream?.cancel();
    this.events.ended(status, text);
  }

  private finish(): void {
    this.over = true;
    this.timer.cancel();
    this.deadlines.close();
  }
}

function shuffled(addresses: readonly string[], random: () => number): string[] {
  const all = [...addresses];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}
