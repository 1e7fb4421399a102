import type { RequestContext } from './request-context';

/** What carries a try to its upstream, of either version. */
export interface UpstreamRequest {
  /** What there is of the request has been sent; more of it goes by `sendBody`. */
  readonly ready: boolean;
  /** Bytes that wait for it. */
  readonly bufferedBytes: number;
  /** More of the body or of the tunnel, as this version frames it. False: stop until `RequestClient.resumeBody`. */
  sendBody(ctx: RequestContext, bytes: Buffer, start: number, end: number): boolean;
  /** The client takes more of the answer. */
  resume(): void;
  /** Ends the try from this side: the upstream shall stop working on it. */
  abandon(): void;
  /** The tunnel's client sends no more. */
  shutdown(): void;
  /** Both directions of the tunnel have ended: what is written goes out. */
  finishTunnel(): void;
}
