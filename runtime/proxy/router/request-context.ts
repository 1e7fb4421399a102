import type { Timer } from '../../clock';
import type { VerifiedPeer } from '../authorization/subject';
import type { Host, RequestHash, TryOutcome } from '../cluster/types';
import type { HeaderMutation, RetryConfig } from '../config/types';
import type { ResponseFlag } from '../error';
import { HELD, type FilterRequest, type HeldRequest } from '../filter/types';
import { MessageMeter } from '../grpc/message-meter';
import { BodyReader } from '../http1/body';
import { copyBytes, latin1 } from '../http1/bytes';
import { ForwardedIds, type ResponseRules } from '../http1/forward';
import { Body, Framing } from '../http1/framing';
import { Head, Known } from '../http1/head';
import type { RequestRecord } from '../observe/types';
import { inTurn } from '../route/header-mutation';
import type { ClusterChoice, ForwardAction, MadeCookies, RouteMatch } from '../route/types';
import { Deadline, type DeadlineOwner } from '../timer';
import type { Destination, TlsSession } from '../transport';
import type { ClusterPool } from './cluster-pool';
import type { FilteredClient } from './filtered-client';
import { Held } from './held-request';
import type { Mirror } from './mirror';
import type { RequestClient } from './request-client';
import type { RequestDigest } from './request-digest';
import { methodOf, pathOf } from './request-line';
import type { Router } from './router';
import type { UpstreamRequest } from './upstream-request';

/** Which of a request's deadlines passed. */
export const RequestDeadline = { Total: 0, PerTry: 1, Idle: 2, PerTryIdle: 3, Receive: 4, Duration: 5, Hold: 6 } as const;

/** Buffers above this are not kept for the next request. */
const KEEP_BUFFER = 16 * 1024;
const FIRST_BUFFER = 2 * 1024;

/** Writable, unlike the outcome that a cluster is told of. */
type MutableOutcome = { -readonly [K in keyof TryOutcome]: TryOutcome[K] };

/**
 * One request from its head to its end: what the rules ask of it, how far it is, and what is known of it when it ends. Contexts are used again, so
 * nobody keeps one.
 */
export class RequestContext implements FilterRequest, RequestRecord, DeadlineOwner {
  readonly head = new Head();
  readonly framing = new Framing();
  readonly body = new BodyReader();
  readonly ids = new ForwardedIds();
  readonly cookie: MadeCookies = { setCookies: [] };
  readonly outcome: MutableOutcome = { status: 0, failure: undefined, latency: 0 };
  readonly totalDeadline = new Deadline(this, RequestDeadline.Total);
  readonly perTryDeadline = new Deadline(this, RequestDeadline.PerTry);
  readonly perTryIdleDeadline = new Deadline(this, RequestDeadline.PerTryIdle);
  readonly idleDeadline = new Deadline(this, RequestDeadline.Idle);
  readonly receiveDeadline = new Deadline(this, RequestDeadline.Receive);
  readonly requestMeter = new MessageMeter();
  readonly responseMeter = new MessageMeter();
  readonly durationDeadline = new Deadline(this, RequestDeadline.Duration);
  readonly holdDeadline = new Deadline(this, RequestDeadline.Hold);
  /** Name, value, name, value … that filters and policies put on whatever answer the client gets. */
  readonly addedHeaders: string[] = [];

  downstream!: RequestClient;
  /** `downstream`, where filters have to do with the answer's body. */
  filtered: FilteredClient | undefined;
  /** Copies of it are to go elsewhere. */
  mirror: Mirror | undefined;
  /** Where they have to do with the request's. */
  requestDigest: RequestDigest | undefined;
  route!: RouteMatch;
  /** A filter holds it back. */
  held: Held | undefined;
  /** A fault was injected: it waited. */
  delayed = false;
  action: ForwardAction | undefined;
  choice: ClusterChoice | undefined;
  pool: ClusterPool | undefined;
  retry: RetryConfig | undefined;
  hash: RequestHash | undefined;
  responseMutation: HeaderMutation | undefined;
  /** By filters. */
  headerChanges: HeaderMutation | undefined;
  claims: Readonly<Record<string, unknown>> | undefined;
  idleTimeout = 0;

  /** The client's own head; `head` points into it. */
  private headBytes = Buffer.allocUnsafeSlow(FIRST_BUFFER);
  /** The composed head and what is kept of the body, in [0, replayEnd): what a try sends first. */
  replay = Buffer.allocUnsafeSlow(FIRST_BUFFER);
  replayEnd = 0;
  /** A pending write reads from `replay`, perhaps for longer than this request is. */
  replayLent = false;
  /** Bytes of body that are kept for another try. */
  replayLimit = 0;
  /** Composed as HTTP/2. */
  toHttp2 = false;
  /** Where the composed head says how long the upstream has (`grpc-timeout`); 0: nowhere. */
  timeoutAt = 0;
  /** When the request ends, whatever its state; 0: never. */
  endsAt = 0;
  /** Trailers of a body that came and goes on in HTTP/2, as a header block. */
  requestTrailers: Buffer | undefined;
  /** Bytes of the request's body at most; 0: no bound. */
  private bodyLimit = 0;
  /** Bytes of the body that came in DATA. */
  streamedBytes = 0;
  /** All of the body that has come is in `replay`. */
  replayable = true;

  /** The client's message has come to its end. */
  requestComplete = false;
  /** A final answer has begun to go to the client. */
  responseStarted = false;
  /** The connection became a tunnel. */
  tunnel = false;
  clientEnded = false;
  upstreamEnded = false;
  ended = false;

  // The try under way.
  connection: UpstreamRequest | undefined;
  /** Picked for this try; `started` at the cluster. */
  host: Host | undefined;
  started = false;
  admitted = false;
  admission = 0;
  /** Admitted as a retry. */
  isRetry = false;
  waitsForConnection = false;
  backoff: Timer | undefined;
  triedHosts: Host[] | undefined;
  tryStart = 0;
  /** A reused connection turned out to be closed, and the try went to a new one. Once a request: what tries are declared bounds what an upstream sees. */
  replayedOnce = false;
  /** Times that an upstream of HTTP/2 did not look at it (RFC 9113 §6.8, §8.7) and it went to another connection. */
  unprocessed = 0;

  // RequestRecord.
  tries = 0;
  status = 0;
  flag: ResponseFlag | undefined;
  grpcStatus = -1;
  detail = '';
  upstreamHost: Host | undefined;
  transportFailure = '';
  upstreamTls: TlsSession | undefined;
  bytesReceived = 0;
  bytesSent = 0;
  start = 0;
  upstreamFirstByte = 0;
  end = 0;

  private methodText: string | undefined;
  private pathText: string | undefined;
  private authorityText: string | undefined;

  constructor(private readonly router: Router) {}

  onDeadline(kind: number): void {
    this.router.onDeadline(this, kind);
  }

  /** The head moves out of the shared read buffer, which the next read overwrites. */
  keepHead(): void {
    const { head } = this;
    if (this.headBytes.length < head.length) this.headBytes = Buffer.allocUnsafeSlow(head.length * 2);
    copyBytes(head.bytes, head.base, head.base + head.length, this.headBytes, 0);
    head.bytes = this.headBytes;
    head.base = 0;
  }

  /** The head is well formed but is not routed: logs show what the client wrote. */
  takeLiterally(): void {
    const { head } = this;
    this.pathText = head.text(head.targetStart, head.targetEnd);
    this.authorityText = head.header('host') ?? '';
  }

  /** The head could not be read: what is said of it in logs is nothing. */
  forgetHead(): void {
    this.head.count = 0;
    this.methodText = this.pathText = this.authorityText = '';
    this.framing.isHead = false;
  }

  reserveReplay(size: number): void {
    if (this.replay.length >= size) return;
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size)));
    this.replay.copy(larger, 0, 0, this.replayEnd);
    this.replay = larger;
  }

  appendReplay(bytes: Buffer, start: number, end: number): void {
    this.reserveReplay(this.replayEnd + end - start);
    this.replayEnd = copyBytes(bytes, start, end, this.replay, this.replayEnd);
  }

  /** More of the body came than is kept: it goes out once. */
  forgetBody(): void {
    this.replayable = false;
    this.replayEnd = this.ids.end;
  }

  /** The client takes more of the answer. */
  resumeAnswer(): void {
    if (this.filtered === undefined) this.connection?.resume();
    else this.filtered.resume();
  }

  /** Back to how a new one is; it is in nobody's hands. */
  reset(): void {
    if (this.addedHeaders.length > 0) this.addedHeaders.length = 0;
    if (this.cookie.setCookies.length > 0) this.cookie.setCookies.length = 0;
    this.route = undefined as unknown as RouteMatch;
    this.action = this.choice = this.pool = this.retry = this.hash = this.responseMutation = this.headerChanges = this.claims = undefined;
    this.connection = this.host = this.backoff = this.triedHosts = this.upstreamHost = undefined;
    this.requestTrailers = this.filtered = this.requestDigest = this.held = this.mirror = undefined;
    this.replayEnd = this.replayLimit = this.unprocessed = this.timeoutAt = this.endsAt = 0;
    this.bodyLimit = this.streamedBytes = 0;
    this.grpcStatus = -1;
    this.requestMeter.limit = this.responseMeter.limit = 0;
    this.replayable = true;
    this.requestComplete = this.responseStarted = this.tunnel = this.ended = this.clientEnded = this.upstreamEnded = false;
    this.started = this.admitted = this.waitsForConnection = this.replayedOnce = this.delayed = false;
    this.tries = this.status = this.bytesReceived = this.bytesSent = 0;
    this.start = this.upstreamFirstByte = this.end = this.tryStart = 0;
    this.ids.requestIdStart = this.ids.requestIdEnd = this.ids.traceparentStart = this.ids.end = 0;
    this.flag = this.upstreamTls = undefined;
    this.detail = this.transportFailure = '';
    this.methodText = this.pathText = this.authorityText = undefined;
    if (this.replayLent || this.replay.length > KEEP_BUFFER) this.replay = Buffer.allocUnsafeSlow(FIRST_BUFFER);
    this.replayLent = false;
    if (this.headBytes.length > KEEP_BUFFER) this.headBytes = Buffer.allocUnsafeSlow(FIRST_BUFFER);
  }

  get method(): string {
    return (this.methodText ??= methodOf(this.head));
  }

  get path(): string {
    return (this.pathText ??= pathOf(this.head, this.framing));
  }

  get authority(): string {
    if (this.authorityText === undefined) {
      const { authorityStart, authorityEnd } = this.framing;
      this.authorityText = authorityEnd === 0 ? this.downstream.fallbackHost : this.downstream.authorityOf(this.head, authorityStart, authorityEnd);
    }
    return this.authorityText;
  }

  get scheme(): 'http' | 'https' {
    return this.framing.https || this.downstream.tls !== undefined ? 'https' : 'http';
  }

  get peerAddress(): string {
    return this.downstream.peerAddress;
  }

  get peer(): VerifiedPeer | undefined {
    return this.downstream.tls?.peer;
  }

  get destinationPort(): number {
    return this.downstream.manager.owner.port;
  }

  get destination(): Destination | undefined {
    return this.downstream.destination;
  }

  get request(): this {
    return this;
  }

  header(name: string): string | undefined {
    const { headerChanges } = this;
    if (headerChanges !== undefined) {
      const { set, remove } = headerChanges;
      for (let i = 0; i < set.length; i++) if (set[i].name === name) return set[i].value;
      if (remove.includes(name)) return undefined;
    }
    return this.head.header(name);
  }

  changeHeaders(mutation: HeaderMutation): void {
    this.headerChanges = this.headerChanges === undefined ? mutation : inTurn(this.headerChanges, mutation);
  }

  /** What filters and then the route do to the request's headers. */
  withHeaderChanges(ofRoute: HeaderMutation | undefined): HeaderMutation | undefined {
    const { headerChanges } = this;
    return headerChanges === undefined || ofRoute === undefined ? headerChanges ?? ofRoute : inTurn(headerChanges, ofRoute);
  }

  setClaims(name: string, claims: Readonly<Record<string, unknown>>): void {
    this.claims = { ...this.claims, [name]: claims };
  }

  addResponseHeader(name: string, value: string): void {
    this.addedHeaders.push(name, value);
  }

  hold(): HeldRequest {
    return (this.held = new Held(this.router, this, 0));
  }

  delay(milliseconds: number): typeof HELD {
    this.held = new Held(this.router, this, milliseconds);
    this.delayed = true;
    return HELD;
  }

  limitBody(max: number): boolean {
    this.bodyLimit = this.bodyLimit === 0 ? max : Math.min(max, this.bodyLimit);
    return !this.bodyTooLong;
  }

  /** By the length that the request states, or what of its chunks or of its DATA has come. */
  get bodyTooLong(): boolean {
    const { bodyLimit, framing } = this;
    if (bodyLimit === 0) return false;
    if (framing.body === Body.Length) return framing.length > bodyLimit;
    if (this.downstream.major === 2) return this.streamedBytes > bodyLimit;
    return framing.body === Body.Chunked && this.body.scanner.total > bodyLimit;
  }

  get protocol(): 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' {
    if (this.downstream.major === 2) return 'HTTP/2';
    return this.head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }

  /** What is kept of it to be sent (again), and what waits at its upstream. */
  get bufferedBytes(): number {
    return this.replayEnd + (this.connection?.bufferedBytes ?? 0) + (this.filtered?.bufferedBytes ?? 0) + (this.held?.body.length ?? 0)
      + (this.mirror?.size ?? 0);
  }

  /** Its deadline could not be dealt with. */
  onFault(): void {
    this.downstream.abort();
    this.router.cancel(this);
  }

  get requestId(): string {
    const { requestIdStart, requestIdEnd } = this.ids;
    return requestIdEnd > 0 ? latin1(this.replay, requestIdStart, requestIdEnd) : this.known(Known.RequestId);
  }

  get traceparent(): string {
    const { traceparentStart } = this.ids;
    return traceparentStart > 0 ? latin1(this.replay, traceparentStart, traceparentStart + 55) : this.known(Known.Traceparent);
  }

  get userAgent(): string {
    return this.known(Known.UserAgent);
  }

  get forwardedFor(): string {
    return this.known(Known.ForwardedFor);
  }

  /** How answers' heads are changed. */
  get rules(): ResponseRules {
    return this.downstream.manager.config;
  }

  get downstreamAddress(): string {
    return `${this.peerAddress}:${this.downstream.peerPort}`;
  }

  get downstreamFailure(): string {
    return this.downstream.tlsFailure ?? '';
  }

  get downstreamTls(): TlsSession | undefined {
    return this.downstream.tls;
  }

  get listener(): string {
    return this.downstream.manager.listenerName;
  }

  get chain(): string {
    return this.downstream.manager.chain.key;
  }

  get routeName(): string {
    return this.route === undefined ? '' : this.route.fullName;
  }

  get cluster() {
    return this.pool?.cluster;
  }

  private known(kind: number): string {
    const i = this.head.indexOf(kind);
    return i < 0 ? '' : this.head.value(i);
  }
}
