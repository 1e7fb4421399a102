import {
  create, DeltaDiscoveryRequestSchema, TypeUrl, type DeltaDiscoveryRequest, type DeltaDiscoveryResponse, type MessageInit, type Node,
} from '../../xds';
import { DISCOVERED, type DiscoveredStore, type DiscoveredType, type RawResource, type Rejection } from '../config/discovered';
import { listenFailures } from '../listen-error';
import type { AdsStats } from './stats';

/** google.rpc.Code of a configuration that is wrong. */
const INVALID_ARGUMENT = 3;

export interface SessionDeps {
  readonly node: Node;
  readonly store: DiscoveredStore;
  readonly stats: AdsStats;
  /** Types that the bootstrap has discovered; endpoints and routes come with them. */
  readonly wildcards: readonly DiscoveredType[];
  readonly now: () => number;
  send(request: DeltaDiscoveryRequest): void;
  rejected(type: DiscoveredType, rejections: readonly Rejection[]): void;
  accepted(type: DiscoveredType, resources: number, removed: number): void;
  /**
   * Resolves when what the store holds is in force everywhere, or with the reason why it could not be put in force. An answer waits for it: a control
   * plane that hears an ACK may build on it. Undefined: nobody has to be waited for.
   */
  readonly inForce?: () => Promise<Error | undefined>;
}

/** One stream's side of the delta protocol: what was asked for in it, and an ACK or NACK for each answer. */
export class AdsSession {
  private first = true;
  /** Names asked for in this stream, by type; a type is here once its first request was sent. */
  private readonly asked = new Map<DiscoveredType, Set<string>>();

  /** Answers go out in the order of what they answer. */
  private answers: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(private readonly deps: SessionDeps) {}

  /** The stream has ended: nothing is sent any more. */
  close(): void {
    this.closed = true;
  }

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
    const { store, stats } = this.deps;
    stats.types[type].attempt++;
    const resources: RawResource[] = [];
    const empty: Rejection[] = [];
    for (const { name, version, resource } of response.resources) {
      if (resource) resources.push({ name, version, resource });
      else empty.push({ name, problems: ['has no resource'] });
    }
    const rejections = [...store.update({ type, resources, removed: response.removedResources }), ...empty];
    const answer = (failure?: Error): void => {
      if (this.closed) return;
      this.answer(type, response, rejections, resources.length, failure);
      this.subscribe();
    };
    const { inForce } = this.deps;
    if (inForce === undefined) answer();
    else this.answers = this.answers.then(inForce).then(answer);
  }

  private answer(
    type: DiscoveredType, response: DeltaDiscoveryResponse, rejections: readonly Rejection[], resources: number, failure: Error | undefined,
  ): void {
    const { stats, now } = this.deps;
    const counted = stats.types[type];
    // A listener that cannot have its address is its own resource's failure, and of no other answer.
    const unbound = listenFailures(failure);
    const named = new Set(response.resources.map(({ name }) => name));
    const refused = type === TypeUrl.LDS && unbound
      ? [...rejections, ...[...unbound].filter(([name]) => named.has(name)).map(([name, problem]) => ({ name, problems: [problem] }))] : rejections;
    const problems = [...refused.map(({ name, problems: all }) => `${name}: ${all.join('; ')}`), ...(failure && !unbound ? [failure.message] : [])];
    if (problems.length === 0) {
      counted.success++;
      counted.lastUpdate = now();
      this.request({ typeUrl: type, responseNonce: response.nonce });
      this.deps.accepted(type, resources, response.removedResources.length);
      return;
    }
    counted.rejected++;
    this.request({ typeUrl: type, responseNonce: response.nonce, errorDetail: { code: INVALID_ARGUMENT, message: problems.join('\n') } });
    this.deps.rejected(type, refused);
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
