import type { FilterChainConfig } from '../config/types';
import type { Connection, Destination } from '../transport';
import type { HttpStats, TcpStats } from './stats';
import type { ChainTables } from './tables';
import type { PendingConnection } from './transport-socket';

/** A client's connection, whatever it speaks. */
export interface Served extends PendingConnection {
  /** Ends when it has nothing under way. */
  drain(): void;
  readonly peerAddress: string;
  readonly peerPort: number;
  /** What is spoken on it. */
  readonly speaks: 'HTTP/1.1' | 'HTTP/2' | 'TCP';
  /** Requests under way; a relay of bytes is one. */
  readonly underWay: number;
  /** It may not be closed yet: something is under way, the client has not taken its answer, or not heard that it ends. */
  readonly owes: boolean;
  /** Bytes of messages that wait in it, its upstream's included. */
  readonly bufferedBytes: number;
  /** Reads nothing from the client, whatever else wants it to, or goes on. */
  holdReading(hold: boolean): void;
}

/** What a filter chain tells and asks the listener that it belongs to. */
export interface ChainOwner {
  readonly name: string;
  readonly port: number;
  /** `address:port` of the listener. */
  readonly authority: string;
  /** A connection that the chain was given is gone. */
  connectionGone(): void;
}

/** A filter chain at work: its connections, and what they are told to do. It lives as long as the configuration has it, over changes of its settings. */
export abstract class FilterChain<Tables extends ChainTables = ChainTables> {
  /** Connections end as soon as they can. */
  draining = false;
  protected readonly connections = new Set<Served>();
  private readonly shaking = new Set<PendingConnection>();
  private readonly quiet: (() => void)[] = [];
  private readonly emptied: (() => void)[] = [];

  constructor(public tables: Tables, readonly owner: ChainOwner) {}

  get config(): Tables['config'] {
    return this.tables.config;
  }

  get chain(): FilterChainConfig {
    return this.tables.chain;
  }

  abstract readonly stats: HttpStats | TcpStats;

  /**
   * Serves a connection as this chain does, by way of its transport socket.
   * @param serverName the SNI that the inspection found
   * @param destination where a redirected connection was meant to go
   */
  accept(connection: Connection, serverName = '', destination?: Destination): void {
    const { transportSocket } = this.tables;
    if (transportSocket === undefined) {
      this.serve(connection, undefined, serverName, destination);
      return;
    }
    const pending = transportSocket.accept(connection, (secured, protocol) => {
      this.shaking.delete(pending);
      this.serve(secured, protocol, serverName, destination);
    }, () => {
      this.shaking.delete(pending);
      this.owner.connectionGone();
      this.tellIfEmpty();
    });
    this.shaking.add(pending);
  }

  /** Becomes the connection's handler. `protocol`: what ALPN agreed on; `serverName`: the client's SNI. */
  protected abstract serve(connection: Connection, protocol: string | undefined, serverName: string, destination: Destination | undefined): void;

  /** Requests, or connections where those are what is served, under way. */
  protected abstract get active(): number;

  /** Resolves when nothing is under way and clients have taken their answers; connections that can end do so now. */
  async drain(): Promise<void> {
    this.draining = true;
    for (const connection of [...this.connections]) connection.drain();
    if (this.isQuiet) return;
    await new Promise<void>((resolve) => this.quiet.push(resolve));
  }

  /** Resolves when it has no connection any more. */
  async empty(): Promise<void> {
    if (this.connections.size === 0 && this.shaking.size === 0) return;
    await new Promise<void>((resolve) => this.emptied.push(resolve));
  }

  /** Its connections, for admin pages. */
  get served(): Iterable<Served> {
    return this.connections;
  }

  get bufferedBytes(): number {
    let bytes = 0;
    for (const connection of this.connections) bytes += connection.bufferedBytes;
    return bytes;
  }

  holdReading(hold: boolean): void {
    for (const connection of this.connections) connection.holdReading(hold);
  }

  /** Closes every connection, whatever it is at. */
  destroy(): void {
    for (const pending of [...this.shaking]) {
      this.shaking.delete(pending);
      pending.destroy();
      this.owner.connectionGone();
    }
    for (const connection of [...this.connections]) connection.destroy();
    this.tellIfQuiet();
    this.tellIfEmpty();
  }

  /** Whether the connection was one of these, until now. */
  protected forget(connection: Served): boolean {
    if (!this.connections.delete(connection)) return false;
    this.owner.connectionGone();
    this.tellIfEmpty();
    return true;
  }

  private get isQuiet(): boolean {
    if (this.active > 0) return false;
    for (const connection of this.connections) if (connection.owes) return false;
    return true;
  }

  protected tellIfQuiet(): void {
    if (this.quiet.length === 0 || !this.isQuiet) return;
    for (const resolve of this.quiet.splice(0)) resolve();
  }

  private tellIfEmpty(): void {
    if (this.emptied.length === 0 || this.connections.size > 0 || this.shaking.size > 0) return;
    for (const resolve of this.emptied.splice(0)) resolve();
  }
}
