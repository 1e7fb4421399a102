import type { Clock, Timer } from '../../clock';
import { TypeUrl, type Node } from '../../xds';
import type { AdsConfig } from '../bootstrap/types';
import type { DiscoveredStore, DiscoveredType } from '../config/discovered';
import type { Log } from '../observe/log';
import { AdsSession } from './session';
import { AdsStats } from './stats';
import type { AdsStream, OpenAdsStream } from './types';

/** Milliseconds to the first new attempt and the longest wait, as in Envoy. */
const BASE_BACKOFF = 500;
const MAX_BACKOFF = 30_000;

export interface AdsDeps {
  readonly config: AdsConfig;
  readonly node: Node;
  readonly store: DiscoveredStore;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly open: OpenAdsStream;
  readonly log: Log;
  /** Something was taken: the configuration that is held is worth keeping. */
  readonly accepted?: () => void;
  /** See `SessionDeps.inForce`. */
  readonly inForce?: () => Promise<Error | undefined>;
}

/**
 * Keeps the store in step with a control plane over delta ADS. While none answers, what the store holds goes on; attempts go round the addresses,
 * each after a longer wait, of which half is random so that a mesh does not come back all at once.
 */
export class AdsClient {
  readonly stats = new AdsStats();
  /** Address of the control plane that is connected or tried. */
  address = '';
  private stream: AdsStream | undefined;
  private session: AdsSession | undefined;
  private timer: Timer | undefined;
  /** Begins anywhere, so that the proxies of a mesh are not all with the first one. */
  private attempts: number;
  private failures = 0;
  private closed = false;
  private readonly answered = new Set<string>();

  constructor(private readonly deps: AdsDeps) {
    this.attempts = Math.floor(deps.random() * deps.config.addresses.length);
  }

  start(): void {
    if (!this.closed) this.connect();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.session?.close();
    this.stream?.close();
    this.stats.connected = 0;
  }

  /** Whether the control plane has answered everything that is asked for as a whole. */
  get initialized(): boolean {
    return this.wildcards().every((type) => this.answered.has(type));
  }

  private wildcards(): DiscoveredType[] {
    const { config } = this.deps;
    return [...(config.clusters ? [TypeUrl.CDS] : []), ...(config.listeners ? [TypeUrl.LDS] : [])];
  }

  private connect(): void {
    const { config, log, open } = this.deps;
    const target = config.addresses[this.attempts++ % config.addresses.length];
    this.address = `${target.host}:${target.port}`;
    log.debug('ads', 'connecting', { address: this.address });
    this.stats.streams++;
    const stream = open(target, {
      response: (response) => this.onResponse(response),
      ended: (reason) => this.onEnded(reason),
    });
    this.stream = stream;
    this.session = new AdsSession({
      node: this.deps.node,
      store: this.deps.store,
      stats: this.stats,
      wildcards: this.wildcards(),
      now: () => this.deps.clock.wallTime(),
      send: (request) => stream.send(request),
      inForce: this.deps.inForce,
      rejected: (type, rejections) => {
        this.deps.accepted?.();
        for (const { name, problems } of rejections) log.warning('ads', 'resource refused', { type: short(type), resource: name, problems });
      },
      accepted: (type, resources, removed) => {
        this.deps.accepted?.();
        log.debug('ads', 'resources taken', { type: short(type), resources, removed });
      },
    });
    this.session.start();
  }

  private onResponse(response: Parameters<AdsSession['onResponse']>[0]): void {
    if (this.stats.connected === 0) {
      this.stats.connected = 1;
      this.deps.log.info('ads', 'connected', { address: this.address });
    }
    this.failures = 0;
    this.answered.add(response.typeUrl);
    this.session?.onResponse(response);
  }

  private onEnded(reason: string): void {
    const { log, clock, random } = this.deps;
    if (this.closed) return;
    this.stats.connected = 0;
    this.stream = undefined;
    this.session?.close();
    this.session = undefined;
    const longest = Math.min(MAX_BACKOFF, BASE_BACKOFF * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
    const wait = longest / 2 + (random() * longest) / 2;
    log.warning('ads', 'stream ended', { address: this.address, reason, retryInMs: Math.round(wait) });
    this.timer = clock.setTimer(wait, () => this.connect());
  }
}

function short(type: DiscoveredType): string {
  return type.slice(type.lastIndexOf('.') + 1);
}
