/** What routing asks of a request and what it says of it. `route/` compiles a RouteTableConfig into these; the data path only calls them. */
import type { RequestHash } from '../cluster/types';
import type { HashPolicyConfig, HeaderMutation, MaxDurationConfig, MessageLimits, MirrorConfig, RetryConfig, RouteConfig } from '../config/types';

/** A request's head as rules see it. Nothing is made into a string before a rule asks for it. */
export interface RequestHead {
  readonly method: string;
  /** Path and query as sent upstream if no rule changes them: origin-form, whatever form the client used. */
  readonly path: string;
  /** Lower case, port included where the client sent one. */
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  /** Address of the downstream peer, without its port. */
  readonly peerAddress: string;
  /**
   * The values of a header of lower-case `name`, joined with `,` where there are several, those of `cookie` with `; ` (RFC 9113 section 8.2.3);
   * undefined where there is none.
   */
  header(name: string): string | undefined;
}

/** Compiled table: virtual host, then the first route that matches. */
export interface RouteTable {
  readonly name: string;
  /** `random` gives 0 ≤ x < 1 and is asked only where a fraction or weight needs it. */
  match(head: RequestHead, random: () => number): RouteMatch | undefined;
}

/** A route that matched. Shared by all requests that match it: it holds nothing of one of them. */
export interface RouteMatch {
  readonly config: RouteConfig;
  /** The route's metrics and name in logs: `<virtual host>/<route name>`. */
  readonly fullName: string;
  readonly action: CompiledAction;
  /** Path and query to send, or undefined where nothing changes them. */
  rewritePath(head: RequestHead): string | undefined;
  /** Changes of the request's head, from route, virtual host and chosen cluster; undefined where there are none, the usual case. */
  requestHeaders(choice: ClusterChoice | undefined): HeaderMutation | undefined;
  responseHeaders(choice: ClusterChoice | undefined): HeaderMutation | undefined;
}

export type CompiledAction = ForwardAction | RedirectAction | DirectAction;

export interface ForwardAction {
  readonly kind: 'route';
  /** Picks one of the weighted clusters: by `hash` where the route says so and there is one, by `random` otherwise. */
  choose(hash: RequestHash | undefined, random: () => number): ClusterChoice;
  readonly hashPolicies: readonly HashPolicyConfig[];
  /** The request's hash, and the cookie to set where a cookie policy found none and has a ttl. */
  hash(head: RequestHead, made: MadeCookies): RequestHash | undefined;
  readonly timeout: number;
  readonly maxDuration: MaxDurationConfig | undefined;
  readonly messageLimits: MessageLimits | undefined;
  readonly idleTimeout: number | undefined;
  readonly websocket: boolean | undefined;
  readonly connect: boolean;
  readonly retry: RetryConfig | undefined;
  /** Whether the retry policy's request matches admit this request. */
  mayRetry(head: RequestHead): boolean;
  readonly clusterNotFoundStatus: number;
  readonly mirrors: readonly MirrorConfig[];
}

/** Filled by `ForwardAction.hash` when it had to make a cookie: the value of a `set-cookie` header. */
export interface MadeCookies {
  readonly setCookies: string[];
}

/** One entry of the route's clusters. */
export interface ClusterChoice {
  readonly cluster: string;
  readonly index: number;
  /** Host of what is sent there; undefined: that of the request. */
  readonly hostRewrite?: string | undefined;
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly statusCode: number;
  location(head: RequestHead): string;
}

export interface DirectAction {
  readonly kind: 'direct';
  readonly statusCode: number;
  readonly body: Uint8Array;
}
