import type { HeaderMutation, MirrorConfig } from '../config/types';
import type { ForwardingRules } from '../http1/forward';
import { Body } from '../http1/framing';
import { Dechunker } from '../http2/dechunker';
import type { HttpConnectionManager } from '../listener/http-connection-manager';
import { HttpStats } from '../listener/stats';
import { joinedChunk } from './chunks';
import { composeRequest } from './compose-request';
import type { RequestClient } from './request-client';
import type { RequestContext } from './request-context';
import type { Router } from './router';

const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');
/** Bound of a copy whose route has none: nobody waits for its answer, so nobody would end it. */
const COPY_TIMEOUT = 15_000;

/** How a copy is written, but for what stands in the head of the original. */
interface Target {
  readonly cluster: string;
  readonly path: string | undefined;
  readonly host: string;
  readonly mutation: HeaderMutation;
}

/**
 * The copies of one request (`request_mirror_policies`), which go to other clusters once its body has come to its end, and whose answers nobody gets. The
 * body is kept as it passes, up to the listener's buffer limit: a longer one is not copied. Whatever becomes of a copy, the original does not wait for it:
 * it has a context, a deadline and a place in its cluster's limits of its own, and is never tried again.
 *
 *     client ─▶ original ─▶ upstream
 *                  └─ (head, body kept) ─ at its end ─▶ the same again, Host: <host>-shadow ─▶ upstream of the copy ─▶ dropped
 */
export class Mirror {
  private readonly pieces: Buffer[] = [];
  private readonly dechunker: Dechunker | undefined;
  /** Bytes that are kept. */
  size = 0;

  private constructor(
    private readonly router: Router, private readonly copy: RequestContext, private readonly targets: readonly Target[],
    private readonly manager: HttpConnectionManager,
  ) {
    this.dechunker = copy.framing.body === Body.Chunked ? new Dechunker() : undefined;
  }

  /** Those that chance picks. The original's head has been composed. */
  static of(
    router: Router, ctx: RequestContext, mirrors: readonly MirrorConfig[], path: string | undefined, host: string | undefined,
    mutation: HeaderMutation | undefined,
  ): Mirror | undefined {
    const chosen = mirrors.filter(({ fractionPerMillion }) => fractionPerMillion >= 1_000_000 || router.random() * 1_000_000 < fractionPerMillion);
    if (chosen.length === 0) return undefined;
    // The copy is recognized by the original's id, wherever that came from.
    const { requestId } = ctx;
    const named = requestId === '' ? [] : [{ name: 'x-request-id', value: requestId }];
    const { remove, set, append } = mutation ?? { remove: [], set: [], append: [] };
    const changed = { remove, set: [...set.filter(({ name }) => name !== 'x-request-id'), ...named], append };
    const targets = chosen.map(({ cluster }) => ({ cluster, path, host: shadowOf(host ?? ctx.authority), mutation: changed }));
    return new Mirror(router, copyOf(router, ctx), targets, ctx.downstream.manager);
  }

  /** More of the body, in chunks where `inChunks`. False: it is longer than what is kept. */
  take(bytes: Buffer, start: number, end: number, inChunks: boolean): boolean {
    const { dechunker } = this;
    if (dechunker === undefined || !inChunks) {
      this.keep(bytes, start, end);
    } else {
      for (let at = start; at < end && !dechunker.done;) {
        at = dechunker.next(bytes, at, end);
        this.keep(bytes, dechunker.dataStart, dechunker.dataEnd);
      }
    }
    if (this.size <= this.manager.config.bufferLimit) return true;
    this.manager.stats.rqMirrorOverflow += this.targets.length;
    this.drop();
    return false;
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    if (end <= start) return;
    this.pieces.push(Buffer.from(bytes.subarray(start, end)));
    this.size += end - start;
  }

  /** The request is not copied. */
  drop(): void {
    this.router.giveBack(this.copy);
  }

  /** The request is complete: its copies go out. The last of them takes the context that the head is kept in. */
  send(timeout: number): void {
    const { router, targets } = this;
    const body = this.dechunker === undefined ? Buffer.concat(this.pieces) : joinedChunk(this.pieces, LAST_CHUNK);
    targets.forEach((target, index) => {
      const copy = index === targets.length - 1 ? this.copy : copyOf(router, this.copy);
      const pool = router.clusters.get(target.cluster);
      if (pool === undefined) {
        router.giveBack(copy);
        return;
      }
      this.manager.stats.rqMirrored++;
      copy.pool = pool;
      pool.users++;
      router.copies.add(copy);
      // A copy waits for nothing; those that follow know what is spoken there.
      if (pool.negotiation?.agreed === undefined) pool.negotiation?.ask();
      composeRequest(copy, target.path, target.host, target.mutation);
      copy.appendReplay(body, 0, body.length);
      router.deadlines.set(copy.totalDeadline, timeout > 0 ? timeout : COPY_TIMEOUT, router.now);
      router.tries.begin(copy);
    });
  }
}

/** A context with the head of another, whose client takes no answer. */
function copyOf(router: Router, from: RequestContext): RequestContext {
  const copy = router.take();
  copy.head.copyFrom(from.head);
  copy.framing.copyFrom(from.framing);
  copy.downstream = new ShadowClient(from.downstream);
  copy.route = from.route;
  copy.action = from.action;
  copy.hash = from.hash;
  copy.start = router.now;
  copy.requestComplete = true;
  return copy;
}

/** Envoy's mark of a copy: `payment:8080` becomes `payment-shadow:8080`. */
function shadowOf(host: string): string {
  const [, name, port] = /^(.*?)(:\d+)?$/.exec(host)!;
  return `${name}-shadow${port ?? ''}`;
}

const shadowManagers = new WeakMap<HttpConnectionManager, HttpConnectionManager>();

/** The listener's, with counters that nobody reads: a copy is no request of a client. */
function shadowManager(manager: HttpConnectionManager): HttpConnectionManager {
  let shadow = shadowManagers.get(manager);
  if (shadow === undefined) {
    shadow = Object.create(manager, { stats: { value: new HttpStats() }, requestEnded: { value: () => undefined } }) as HttpConnectionManager;
    shadowManagers.set(manager, shadow);
  }
  return shadow;
}

/** Nobody: it takes every answer, and keeps none. */
class ShadowClient implements RequestClient {
  readonly major = 1;
  readonly takesFrames = false;
  readonly isShadow = true;
  readonly section = undefined;
  readonly tls = undefined;
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly fallbackHost: string;
  readonly manager: HttpConnectionManager;
  readonly forwarding: ForwardingRules;

  constructor(of: RequestClient) {
    const { ids, replaceRequestId, forwardedFor, overwriteForwardedProto, secure, fallbackHost } = of.forwarding;
    this.forwarding = { ids, generateRequestId: false, replaceRequestId, forwardedFor, overwriteForwardedProto, secure, fallbackHost };
    this.peerAddress = of.peerAddress;
    this.peerPort = of.peerPort;
    this.fallbackHost = fallbackHost;
    this.manager = shadowManager(of.manager);
  }

  authorityOf(head: RequestContext['head'], start: number, end: number): string { return head.text(start, end).toLowerCase(); }
  closesAfter(): boolean { return false; }
  sendReply(): void {}
  composeHead(): number { return 0; }
  sendComposed(): boolean { return true; }
  send(): boolean { return true; }
  sendLastChunk(): void {}
  abort(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  tunnelStarted(): void {}
  shutdown(): void {}
  finishTunnel(): void {}
  release(): boolean { return false; }
  next(): void {}
}

/** Whether `bytes` of a body come in chunks of HTTP/1.1: those of a stream to an upstream of HTTP/2 do not. */
export function comesInChunks({ framing, downstream, toHttp2 }: Pick<RequestContext, 'framing' | 'downstream' | 'toHttp2'>): boolean {
  return framing.body === Body.Chunked && !(downstream.major === 2 && toHttp2);
}

