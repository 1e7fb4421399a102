import type { Subject } from '../authorization/subject';
import type { HeaderMutation } from '../config/types';
import type { ResponseFlag } from '../error';
import type { RequestHead, RouteMatch } from '../route/types';

/** A request on its way through the filters in front of the router. */
export interface FilterRequest extends RequestHead, Subject {
  readonly route: RouteMatch;
  /** Adds a header to whatever answer the client gets. */
  addResponseHeader(name: string, value: string): void;
  /** Changes what the filters behind see of the request's headers, and what goes upstream; the route's own changes come after it. */
  changeHeaders(mutation: HeaderMutation): void;
  /** What a verified token says, for rules behind, under a name. */
  setClaims(name: string, claims: Readonly<Record<string, unknown>>): void;
  /**
   * Holds the request back until what is returned lets it go on; `onRequest` then returns `HELD`. Whoever waits for another connection's answer does it so,
   * and nothing of a request is copied for it but its body.
   */
  hold(): HeldRequest;
  /** Holds it back for a time, to inject a delay (`DI` in the log); no timer is made for it. `onRequest` returns what this does, and `onDelayed` is called then. */
  delay(milliseconds: number): typeof HELD;
  /** The body must not be longer, in bytes, to the end of the request. False: it is already, by what it states or has sent. */
  limitBody(max: number): boolean;
}

/** An answer that the proxy makes itself, as an RFC 9457 problem document. */
export interface LocalReply {
  readonly status: number;
  readonly flag: ResponseFlag | undefined;
  /** What acted and on what, in logs (RESPONSE_CODE_DETAILS): `local_rate_limited{payment:0}`. */
  readonly detail: string;
  /** What the client reads in its place, where it must not know all of it. */
  readonly publicDetail?: string;
  /** What a call of gRPC ends with; undefined: what gRPC makes of `status`. */
  readonly grpcStatus?: number;
  /** The problem's `type`, the last segment: `rate-limited`. */
  readonly problem: string;
  /** The problem's `title`: what happened, in a sentence that names the policy and the service, never an address. */
  readonly title: string;
  /** Extension member `policy`: which policy acted (`rate-limit`, `circuit-breaker`, `bulkhead`, `timeout`, `retry`, `route`). */
  readonly policy: string;
  /** Headers beside content-type, content-length and those of `addResponseHeader`. */
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
}

/** `onRequest` has called `hold` or `delay`: the filters behind it wait. */
export const HELD = Symbol('held');

/** A request that a filter holds back. */
export interface HeldRequest {
  /** Undefined once it has gone on, or has ended: contexts of requests are used again, so a filter keeps this and not them. */
  readonly request: FilterRequest | undefined;
  /**
   * It goes on with the next filter, or ends with `reply`. Nothing happens where it has ended by itself. Not to be called from within `onRequest`, nor while
   * bytes are still to be read out of the transport's input or stand in its output: a next request may be read, and an answer written.
   */
  proceed(reply?: LocalReply): void;
}

/** A filter, compiled for one listener. It owns its state; it has no access to sockets. */
export interface HttpFilter {
  readonly name: string;
  /** `undefined` lets the request pass. */
  onRequest(request: FilterRequest): LocalReply | typeof HELD | undefined;
  /** The time of `FilterRequest.delay` is over. As `onRequest`. */
  onDelayed?(request: FilterRequest): LocalReply | undefined;
  /** The request has ended while this filter held it: its client went away, or had to be answered otherwise. */
  onGone?(request: FilterRequest): void;
}
