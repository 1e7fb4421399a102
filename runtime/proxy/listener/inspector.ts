import type { InspectConfig } from '../config/types';
import type { Router } from '../router/router';
import { Deadline, type DeadlineOwner } from '../timer';
import { READ_OFFSET, READ_SIZE, type Connection, type ConnectionHandler, type Destination } from '../transport';
import { plainAddress } from './address';
import { ClientHelloReader, Found, MAX_INSPECTED } from './client-hello';
import type { ConnectionTraits } from './filter-chain-match';
import { HttpReader } from './http-reader';
import type { PendingConnection } from './transport-socket';

/** What was found out of a connection; the listener knows the rest. */
export type InspectedTraits = Omit<ConnectionTraits, 'destinationPort' | 'destinationAddress'>;

export type Outcome = 'tls' | 'http' | 'other';

export interface InspectionOwner {
  /** The chain that serves takes the connection, and is its handler from then on; false: none does, and it is closed. */
  inspected(inspector: Inspector, traits: InspectedTraits, outcome: Outcome): boolean;
  /** Nothing was found in time, whatever becomes of it then. */
  inspectionTimedOut(): void;
  /** The connection is gone before any chain had it. */
  inspectionEnded(inspector: Inspector): void;
}

const NO_PROTOCOLS: readonly string[] = [];

/**
 * Holds a connection until its first bytes say what it speaks, or the time for that is over, as Envoy's tls_inspector and http_inspector:
 *
 *     ClientHello ──▶ tls, server name, ALPN
 *     not TLS ──▶ request line, or preface of HTTP/2 ──▶ http/1.0, http/1.1, h2c
 *              └▶ anything else, silence until the time is over, or the client's end ──▶ raw bytes
 *
 * What it read goes to whoever serves; it keeps at most MAX_INSPECTED bytes.
 */
export class Inspector implements ConnectionHandler, DeadlineOwner, PendingConnection {
  private hello: ClientHelloReader | undefined;
  private http: HttpReader | undefined;
  /** All reads but the present one. */
  private stash: Buffer | undefined;
  private readonly deadline = new Deadline(this, 0);
  private readonly continues: boolean;

  constructor(
    private readonly owner: InspectionOwner, private readonly router: Router, readonly connection: Connection, config: InspectConfig,
    readonly destination: Destination | undefined,
  ) {
    this.hello = config.tls ? new ClientHelloReader() : undefined;
    this.http = config.http ? new HttpReader() : undefined;
    this.continues = config.continueOnTimeout;
    connection.handler = this;
    if (config.timeout > 0) router.deadlines.set(this.deadline, config.timeout, router.clock.now());
  }

  get peerAddress(): string { return plainAddress(this.connection.peerAddress); }
  get peerPort(): number { return this.connection.peerPort; }

  get bufferedBytes(): number {
    return this.stash?.length ?? 0;
  }

  holdReading(hold: boolean): void {
    this.connection.hold?.(hold);
  }

  onConnect(): void {}
  onDrain(): void {}

  onData(length: number): void {
    const { input } = this.router.transport;
    const end = READ_OFFSET + length;
    if (this.hello !== undefined) {
      const found = this.hello.read(input, READ_OFFSET, end);
      if (found === Found.Yes) {
        const { serverName, protocols } = this.hello;
        this.decide({ serverName, transportProtocol: 'tls', applicationProtocols: protocols }, 'tls', length);
        return;
      }
      if (found === Found.TooLong) {
        this.end();
        return;
      }
      if (found === Found.More) {
        this.keep(length);
        return;
      }
      this.hello = undefined;
      // What has come before is not TLS either: it may still be HTTP.
      if (this.stash !== undefined && this.http !== undefined && this.http.read(this.stash, 0, this.stash.length) === Found.No) this.http = undefined;
    }
    const found = this.http?.read(input, READ_OFFSET, end) ?? Found.No;
    if (found === Found.More) this.keep(length);
    else if (found === Found.Yes) this.decide(raw([this.http!.protocol]), 'http', length);
    else this.decide(raw(NO_PROTOCOLS), 'other', length);
  }

  private keep(length: number): void {
    const bytes = this.router.transport.input.subarray(READ_OFFSET, READ_OFFSET + length);
    this.stash = this.stash === undefined ? Buffer.from(bytes) : Buffer.concat([this.stash, bytes]);
    if (this.stash.length <= MAX_INSPECTED) return;
    this.stash = undefined;
    this.end();
  }

  /** [READ_OFFSET, + length) of the input has come last, and is still there. */
  private decide(traits: InspectedTraits, outcome: Outcome, length: number): void {
    const { connection, stash, router } = this;
    router.deadlines.clear(this.deadline);
    if (!this.owner.inspected(this, traits, outcome)) return;
    const { input } = router.transport;
    // TLS takes over what is below the connection, which is closed for everybody else then; its handler takes what was read all the same.
    const isTaken = connection.closed;
    if (stash === undefined) {
      if (length > 0) connection.handler.onData(length);
      return;
    }
    if (stash.length + length <= READ_SIZE) {
      input.copyWithin(READ_OFFSET + stash.length, READ_OFFSET, READ_OFFSET + length);
      stash.copy(input, READ_OFFSET);
      connection.handler.onData(stash.length + length);
      return;
    }
    const last = Buffer.from(input.subarray(READ_OFFSET, READ_OFFSET + length));
    stash.copy(input, READ_OFFSET);
    connection.handler.onData(stash.length);
    if (connection.closed && !isTaken) return;
    last.copy(input, READ_OFFSET);
    connection.handler.onData(length);
  }

  /** The client says no more, and may wait for an answer all the same. */
  onEnd(): void {
    this.decide(raw(NO_PROTOCOLS), 'other', 0);
    if (!this.connection.closed) this.connection.handler.onEnd();
  }

  onClosed(): void {
    this.ended();
  }

  onDeadline(): void {
    this.owner.inspectionTimedOut();
    if (this.continues) this.decide(raw(NO_PROTOCOLS), 'other', 0);
    else this.end();
  }

  destroy(): void {
    this.router.deadlines.clear(this.deadline);
    this.connection.reset();
  }

  private end(): void {
    this.connection.close();
    this.ended();
  }

  private ended(): void {
    this.router.deadlines.clear(this.deadline);
    this.owner.inspectionEnded(this);
  }
}

function raw(applicationProtocols: readonly string[]): InspectedTraits {
  return { serverName: '', transportProtocol: 'raw_buffer', applicationProtocols };
}
