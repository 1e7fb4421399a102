import type { Connection } from '../transport';

/** What stands between TCP and the network filter of a chain, where it is not plain TCP. */
export interface DownstreamTransportSocket {
  /**
   * Takes an accepted connection over and becomes its handler at once: what the inspection of its first bytes has read comes by `onData` right after.
   *
   * @param serve takes the connection as the network filter sees it, once the handshake is done, with the protocol that ALPN agreed on.
   * @param gone called instead where the connection ended before; it is closed then.
   */
  accept(connection: Connection, serve: (secured: Connection, protocol: string | undefined) => void, gone: () => void): PendingConnection;
}

/** A connection that no filter chain serves yet. */
export interface PendingConnection {
  /** Ends it; nobody is told. */
  destroy(): void;
}
