import { X509Certificate } from 'node:crypto';
import type { Clock, Timer } from '../../clock';
import type { Log } from '../observe/log';
import type { CertificateRequest, IssueCertificate, Issued, Svid } from './types';

export interface SvidKeeperDeps {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly makeRequest: () => Promise<CertificateRequest>;
  readonly issue: IssueCertificate;
  /** There is a first SVID, or another one: new handshakes use it. */
  readonly changed: (svid: Svid) => void;
}

/** How certificates were renewed: `sds.svid.*` of the metrics. */
export class SvidStats {
  issued = 0;
  failed = 0;
}

/** First wait after a failure, and the longest one, in milliseconds. */
const BASE_BACKOFF = 1_000;
const MAX_BACKOFF = 60_000;
/** Part of the lifetime around its half in which it is renewed, so that pods that started together do not come back together. */
const SPREAD = 0.2;

/**
 * Keeps the workload's X.509-SVID: asks for the first one until there is one, and for another at about half of its life. While no authority answers,
 * the one that is there goes on until its end; only then handshakes begin to fail.
 */
export class SvidKeeper {
  readonly stats = new SvidStats();
  private current: Svid | undefined;
  private timer: Timer | undefined;
  private failures = 0;
  private asking: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly deps: SvidKeeperDeps) {}

  get svid(): Svid | undefined {
    return this.current;
  }

  start(): void {
    this.renew();
  }

  /** Asks now: who signs has changed, or somebody refused the present one. */
  renew(): void {
    if (this.closed || this.asking) return;
    this.timer?.cancel();
    this.asking = this.ask().finally(() => { this.asking = undefined; });
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  /** Resolves when nothing is asked at this moment. */
  async settled(): Promise<void> {
    await this.asking;
  }

  private async ask(): Promise<void> {
    const { makeRequest, issue, log, changed } = this.deps;
    try {
      // Another key each time: what a stolen one is good for ends with its certificate.
      const { privateKey, request } = await makeRequest();
      const svid = readSvid(await issue(request), privateKey);
      if (this.closed) return;
      this.current = svid;
      this.failures = 0;
      this.stats.issued++;
      const wait = this.untilRenewal(svid);
      log.info('identity', 'certificate taken', { identity: svid.identity, notAfter: new Date(svid.notAfter).toISOString(), renewInMs: Math.round(wait) });
      changed(svid);
      this.again(wait);
    } catch (error) {
      if (!this.closed) this.failed(error as Error);
    }
  }

  private untilRenewal({ notBefore, notAfter }: Svid): number {
    const { clock, random } = this.deps;
    const at = notBefore + (notAfter - notBefore) * (0.5 + (random() - 0.5) * SPREAD);
    return Math.max(BASE_BACKOFF, at - clock.wallTime());
  }

  private failed(error: Error): void {
    const { clock, random, log } = this.deps;
    this.stats.failed++;
    const longest = Math.min(MAX_BACKOFF, BASE_BACKOFF * 2 ** this.failures++);
    const wait = longest / 2 + (random() * longest) / 2;
    const left = this.current && this.current.notAfter - clock.wallTime();
    const fields = { reason: error.message, retryInMs: Math.round(wait), ...(left !== undefined && { validForMs: Math.max(0, left) }) };
    if (left === undefined || left <= 0) log.error('identity', 'there is no valid certificate, and none is to be had', fields);
    else log.warning('identity', 'certificate cannot be renewed; the present one goes on', fields);
    this.again(wait);
  }

  private again(wait: number): void {
    this.timer = this.deps.clock.setTimer(wait, () => {
      this.timer = undefined;
      this.renew();
    });
  }
}

/** @throws Error for an answer that the data path could not use. */
function readSvid(issued: Issued, privateKey: string): Svid {
  const leaf = new X509Certificate(issued.certificateChain);
  const identity = /(?:^|, )URI:(spiffe:\/\/[^,\s]+)/.exec(leaf.subjectAltName ?? '')?.[1];
  if (identity === undefined) throw new Error(`the authority gave a certificate without a SPIFFE ID, for ${leaf.subjectAltName ?? 'nobody'}`);
  return { ...issued, privateKey, identity, notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo) };
}
