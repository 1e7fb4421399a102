import type { Clock } from '../../clock';
import { ClientConnection, type QueuedStream } from '../http2/client-connection';
import { Http2Stats } from '../observe/http2-stats';
import type { Deadlines } from '../timer';
import type { CloseReason, ClientTls, Transport } from '../transport';

/** Bytes that a server may be ahead; what came of a message is kept until it is whole. */
const WINDOW = 1024 * 1024;
/** Bytes of a header list at most. */
const MAX_HEADER_LIST = 60 * 1024;

export interface GrpcConnectionOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** HTTP/2 pings, in milliseconds; undefined: none. */
  readonly keepalive: { readonly interval: number; readonly timeout: number } | undefined;
  /** Undefined: plain text. */
  readonly tls: ClientTls | undefined;
  readonly connected: () => void;
}

/** A connection of HTTP/2 to a server of gRPC that carries one call, and ends with it. */
export class GrpcConnection extends ClientConnection<QueuedStream> {
  private failureText: string | undefined;

  constructor(address: string, port: number, private readonly options: GrpcConnectionOptions) {
    const { transport, clock, deadlines, keepalive, tls } = options;
    super({ transport, clock, deadlines, stats: new Http2Stats(), defer: setImmediate }, {
      maxConcurrentStreams: 1, initialStreamWindow: WINDOW, connectionWindow: WINDOW, maxHeaderList: MAX_HEADER_LIST, connectProtocol: false,
      keepalive,
    });
    this.connection = transport.connect(address, port, this, tls);
  }

  override onConnect(): void {
    this.options.connected();
    super.onConnect();
  }

  override onClosed(reason: CloseReason): void {
    this.failureText = this.connection.failure?.text;
    super.onClosed(reason);
  }

  /** Why there is no TLS. */
  get failure(): string | undefined {
    return this.failureText;
  }

  protected onQuiet(): void {
    this.close();
  }

  protected ended(): void {}
}
