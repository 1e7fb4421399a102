import type { OnFault } from './fault';
import type { Destination } from './original-destination';
import type { ClientTls, ServerTls, TlsFailure, TlsSession } from './tls';

/**
 * Bytes in and out of TCP connections, and nothing above that. Two backends stand behind it: `raw` on the runtime's own TCP handles, `portable` on
 * `node:net`. All connections of a transport read into one buffer and write out of another, so an idle connection holds no memory for either.
 */
export interface Transport {
  readonly name: 'raw' | 'portable';
  /** What stands behind TLS; `portable` is the one that may differ from `name`. Set before the first use of TLS, by `chooseTls`. */
  tlsBackend: 'raw' | 'portable';
  /** What was read: `onData(n)` finds it in [READ_OFFSET, READ_OFFSET + n). The headroom before it is the handler's to prepend what it kept. */
  readonly input: Buffer;
  /** Where connections read that were told to read in bulk (`Connection.readInBulk`): `onBulk(n)` finds it in [0, n). */
  readonly bulk?: Buffer;
  /** Where a write is composed that `Connection.flush` sends; another buffer may stand here after every flush. */
  readonly output: Buffer;
  /** Told of what owners of connections throw; their connections have ended. Throws it on by default. */
  onFault?: OnFault;
  /** Rejects with the system's error (EADDRINUSE …) when the address cannot be bound. */
  listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Acceptor>;
  /**
   * Begins to connect to an IP address; the handler hears `onConnect`, or `onClosed` with `connect_failed`. With `tls` the handshake is a part of
   * that, and `failure` says why it failed.
   */
  connect(address: string, port: number, handler: ConnectionHandler, tls?: ClientTls): Connection;
  /**
   * Speaks TLS as the server on an accepted connection, which nobody uses from then on but by what is returned. The handler hears as after `connect`.
   */
  secure(connection: Connection, tls: ServerTls, handler: ConnectionHandler): SecuredConnection;
}

/** Offset of what is read in `Transport.input`. A head that comes in pieces is put together before it, so no head may be longer. */
export const READ_OFFSET = 128 * 1024;
/** Bytes of one read at most. */
export const READ_SIZE = 64 * 1024;
/** Bytes of one read in bulk at most. A gigabyte costs half the processor time of reads of READ_SIZE. */
export const BULK_SIZE = 512 * 1024;
/** Bytes of `Transport.output`: the largest rewritten head and one read of body behind it. */
export const OUTPUT_SIZE = READ_OFFSET + READ_SIZE + 64 * 1024;

export interface ListenOptions {
  /** IPv4 or IPv6 address. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly backlog?: number;
  /** Several processes share the port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
}

/** A bound listening socket. */
export interface Acceptor {
  readonly port: number;
  /** Accepts no more; connections that are open stay. Resolves when the address is free. */
  close(): Promise<void>;
}

/** Why a connection ended without this side having closed it; `protocol`: what came on it was not valid. */
export type CloseReason = 'connect_failed' | 'reset' | 'protocol';

/** What a connection tells its owner. Nothing is told after this side has closed it. */
export interface ConnectionHandler {
  onConnect(): void;
  /** `length` bytes are in `Transport.input`, until this returns. */
  onData(length: number): void;
  /** `length` bytes are in `Transport.bulk`, until this returns. Told instead of `onData` after `Connection.readInBulk`. */
  onBulk?(length: number): void;
  /** The peer sends no more; writing is still possible. */
  onEnd(): void;
  /** All that was written went out, after a write that returned false, or that the system did not take at the end of its round. */
  onDrain(): void;
  /** The connection is gone; the last event. */
  onClosed(reason: CloseReason): void;
}

/** One TCP connection. After `close` or `reset` every call is a harmless no-op. */
export interface Connection {
  handler: ConnectionHandler;
  readonly closed: boolean;
  /** Bytes that were written and that the system has not taken, or not been given yet. */
  readonly pendingBytes: number;
  readonly peerAddress: string;
  readonly peerPort: number;
  /** Of an accepted connection: the address that it was accepted at. */
  readonly localAddress?: string;
  /** Where an accepted connection was meant to go, before the packet filter redirected it; undefined: nobody did. */
  originalDestination?(): Destination | undefined;
  /** Of a TLS connection, once its handshake is done. */
  readonly tls?: TlsSession;
  /** Why a TLS connection has ended, where TLS was the reason. */
  readonly failure?: TlsFailure;
  /**
   * Sends bytes, copied before this returns, perhaps by way of `Transport.output`: what was composed there is lost. Short ones may go out at the
   * end of the present round of events, with all others of it. False: the system did not take all; stop producing until `onDrain`. More may be written, and goes out in order. A connection that is broken says so by `onClosed`, later,
   * never from within.
   */
  write(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * As `write`, without a copy: [0, end) of `bytes` stays as it is until the write is done. When this returns true it is done; else whoever owns the
   * bytes leaves them alone for good.
   */
  writeStable(bytes: Buffer, end: number): boolean;
  /** Sends [0, end) of `Transport.output`; as `write`. */
  flush(end: number): boolean;
  /** What waits for the end of the round goes out now, before somebody asks for `pendingBytes` to close behind the last. */
  commit?(): void;
  /** Reads more at once from now on: for a connection whose bytes come fast, and are only passed on. Its handler has `onBulk`. */
  readInBulk?(): void;
  readStop(): void;
  /** An accepted connection reads from the start unless `accept` stops it, a connecting one once it is connected. */
  readStart(): void;
  /** Stops reading whatever its owner wants, until it is let go. Streams of HTTP/2 have none: their connection is held. */
  hold?(on: boolean): void;
  /** Sends what was written, then tells the peer that no more will come. */
  shutdown(): void;
  /** Closes at once where all was sent, else as soon as it is. */
  end(): void;
  /** Closes now; what the system has not taken is dropped. */
  close(): void;
  /** Closes by a reset, so that the peer cannot take what it got for complete. */
  reset(): void;
}

/** A connection whose TLS has begun. */
export interface SecuredConnection extends Connection {
  /** What was read of it before, at once after `secure`. */
  receive(first: Uint8Array): void;
}
