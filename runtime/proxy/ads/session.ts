import {
  create, DeltaDiscoveryRequestSchema, type DeltaDiscoveryRequest, type DeltaDiscoveryResponse, type MessageInit, type Node,
} from '../../xds';
import { DISCOVERED, type ConfigStore, type DiscoveredType, type RawResource, type Rejection } from '../config/store';
import type { AdsStats } from './stats';

/** google.rpc.Code of a configuration that is wrong. */
const INVALID_ARGUMENT = 3;

export interface SessionDeps {
  readonly node: Node;
  readonly store: ConfigStore;
  readonly stats: AdsStats;
  /** Types that the bootstrap has discovered; endpoints and routes come with them. */
  readonly wildcards: readonly DiscoveredType[];
  readonly now: () => number;
  send(request: DeltaDiscoveryRequest): void;
  rejected(type: DiscoveredType, rejections: readonly Rejection[]): void;
  accepted(type: DiscoveredType, resources: number, removed: number): void;
}

/** One stream's side of the delta protocol: what was asked for in it, and an ACK or NACK for each answer. */
export class AdsSession {
  private first = true;
  /** Names asked for in this stream, by type; a type is here once its first request was sent. */
  private readonly asked = new Map<DiscoveredType, Set<string>>();

  constructor(private readonly deps: SessionDeps) {}

  /** Sends the first requests, with the versions that are held. */
  start(): void {
    for (const type of DISCOVERED) {
      if (this.deps.wildcards.includes(type)) this.firstRequest(type, []);
    }
    this.subscribe();
  }

  onResponse(response: DeltaDiscoveryResponse): void {
    const type = DISCOVERED.find((known) => known === response.typeUrl);
    if (!type || !this.asked.has(type)) {
      const message = `${response.typeUrl} was not asked for`;
      this.deps.send(create(DeltaDiscoveryRequestSchema, {
        typeUrl: response.typeUrl, responseNonce: response.nonce, errorDetail: { code: INVALID_ARGUMENT, message },
      }));
      return;
    }
    const { store, stats, now } = this.deps;
    const counted = stats.types[type];
    counted.attempt++;
    const resources: RawResource[] = [];
    const empty: Rejection[] = [];
    for (const { name, version, resource } of response.resources) {
      if (resource) resources.push({ name, version, resource });
      else empty.push({ name, problems: ['has no resource'] });
    }
    const rejections = [...store.update({ type, resources, removed: response.removedResources }), ...empty];
    if (rejections.length === 0) {
      counted.success++;
      counted.lastUpdate = now();
      this.request({ typeUrl: type, responseNonce: response.nonce });
      this.deps.accepted(type, resources.length, response.removedResources.length);
    } else {
      counted.rejected++;
      const message = rejections.map(({ name, problems }) => `${name}: ${problems.join('; ')}`).join('\n');
      this.request({ typeUrl: type, responseNonce: response.nonce, errorDetail: { code: INVALID_ARGUMENT, message } });
      this.deps.rejected(type, rejections);
    }
    this.subscribe();
  }

  /** Asks for what is needed by now, and no longer for what is not. */
  subscribe(): void {
    for (const type of DISCOVERED) {
      const wanted = this.deps.store.subscriptions(type);
      if (!wanted) continue;
      const asked = this.asked.get(type);
      if (!asked) {
        if (wanted.size > 0) this.firstRequest(type, [...wanted]);
        continue;
      }
      const added = [...wanted].filter((name) => !asked.has(name));
      const dropped = [...asked].filter((name) => !wanted.has(name));
      if (added.length === 0 && dropped.length === 0) continue;
      this.asked.set(type, new Set(wanted));
      this.request({ typeUrl: type, resourceNamesSubscribe: added, resourceNamesUnsubscribe: dropped });
    }
  }

  private firstRequest(type: DiscoveredType, names: string[]): void {
    this.asked.set(type, new Set(names));
    this.request({ typeUrl: type, resourceNamesSubscribe: names, initialResourceVersions: Object.fromEntries(this.deps.store.versions(type)) });
  }

  private request(request: MessageInit<typeof DeltaDiscoveryRequestSchema>): void {
    this.deps.send(create(DeltaDiscoveryRequestSchema, this.first ? { ...request, node: this.deps.node } : request));
    this.first = false;
  }
}
