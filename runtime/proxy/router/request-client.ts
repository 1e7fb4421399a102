import type { ForwardingRules, ResponseEdits } from '../http1/forward';
import type { Framing } from '../http1/framing';
import type { Head } from '../http1/head';
import type { FieldSection } from '../http2/hpack/field-section';
import type { HttpConnectionManager } from '../listener/http-connection-manager';
import type { Destination } from '../transport';
import type { TlsSession } from '../transport/tls';
import type { Reply } from './local-reply';
import type { RequestContext } from './request-context';

/**
 * The client's side of a request, of either version: who it is, and what becomes of its answer. `router` decides, and tells it in terms that both
 * versions have.
 */
export interface RequestClient {
  readonly major: 1 | 2;
  /** A stream of HTTP/2 that takes heads and bodies of an upstream of HTTP/2 as they are, too; else everything comes as HTTP/1.1 frames it. */
  readonly takesFrames: boolean;
  /** It asked for nothing, a mirror did: there is nobody to tell. */
  readonly isShadow?: boolean;
  readonly manager: HttpConnectionManager;
  readonly forwarding: ForwardingRules;
  readonly fallbackHost: string;
  readonly peerAddress: string;
  readonly peerPort: number;
  /** Where its connection was meant to go, if it was redirected. */
  readonly destination?: Destination | undefined;
  /** What was agreed on with the client by TLS, and who it is; undefined: plain text. */
  readonly tls: TlsSession | undefined;
  /** Why TLS broke the client's connection off. */
  readonly tlsFailure?: string;
  /** The fields that the request's head came in, during `Router.start`, and again when it goes on after it was held. */
  readonly section: FieldSection | undefined;
  /** The authority in lower case. */
  authorityOf(head: Head, start: number, end: number): string;

  /** Whether its connection ends after this answer; asked when the answer's head is written. */
  closesAfter(ctx: RequestContext): boolean;
  /** An answer of the proxy's own, whole. */
  sendReply(ctx: RequestContext, reply: Reply, date: string): void;
  /**
   * An upstream's head, changed by `edits`. Returns where it ends in the transport's output: what is composed behind it, of a body as HTTP/1.1 frames it,
   * goes out with it by `sendComposed`.
   */
  composeHead(ctx: RequestContext, head: Head, framing: Framing, edits: ResponseEdits): number;
  /** Sends [0, end) of the transport's output. False: stop until the client has taken it. */
  sendComposed(ctx: RequestContext, end: number): boolean;
  /** Sends [start, end) of a body as HTTP/1.1 frames it, or of a tunnel. */
  send(ctx: RequestContext, bytes: Uint8Array, start: number, end: number): boolean;
  sendLastChunk(ctx: RequestContext): void;
  /** Ends in a way that cannot be taken for the end of a whole answer. */
  abort(): void;
  /** As `abort`, of a call of gRPC whose answer has begun: its trailers say how it ended. False: this version cannot. */
  endCall?(grpcStatus: number, message: string): boolean;

  /** The upstream takes no more of the body for now; it goes on. */
  pauseBody(): void;
  /** A filter held the request, and it has gone on: what has come of its body since, and waits here, follows. */
  sendHeld?(ctx: RequestContext): void;
  resumeBody(ctx: RequestContext): void;

  tunnelStarted(): void;
  /** The tunnel's upstream sends no more. */
  shutdown(): void;
  finishTunnel(): void;

  /** The request has ended. Whether `next` shall be called. */
  release(ctx: RequestContext): boolean;
  next(): void;
}
