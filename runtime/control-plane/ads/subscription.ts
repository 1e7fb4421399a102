import type { DeltaDiscoveryRequest } from '../../xds';
import type { EncodedResource } from './snapshot';
import { difference, Versions, type Resources } from './versions';

/** Why the client refused a version of a resource. */
export interface Refusal {
  readonly version: string;
  readonly message: string;
  /** The client named this resource; else it is one of several that came together. */
  readonly named: boolean;
}

/** A response that the client has not answered yet. */
interface Outstanding {
  readonly nonce: string;
  readonly resources: readonly EncodedResource[];
  /** What the client is to have in the end. */
  readonly whole: Resources;
}

const NONE: readonly string[] = [];

/** What an ACK or NACK was about. */
export type Answered =
  | { readonly kind: 'ack'; readonly resources: readonly EncodedResource[] }
  | { readonly kind: 'nack'; readonly refused: readonly EncodedResource[]; readonly message: string }
  /** The request was no answer, or one to a response that a later one has made void. */
  | undefined;

/**
 * One resource type on one stream: what the client asked for, what it was sent, what it runs. At most one response is under way, so that changes
 * which come faster than the client can take them become one.
 */
export class Subscription {
  /** The client has asked for this type. */
  requested = false;
  /** It has had a first response; a client waits for that, even when there is nothing in it. */
  answered = false;
  private wildcard = false;
  private readonly names = new Set<string>();
  /** Versions that the client was sent last, whatever it made of them; nothing is sent twice. */
  private readonly sent = new Versions();
  /** Versions that the client runs. */
  private readonly accepted = new Versions();
  private readonly refusals = new Map<string, Refusal>();
  /** Asked for, and told that it does not exist. */
  private readonly absent = new Set<string>();
  /** To be sent although the client may have it. */
  private readonly forced = new Set<string>();
  /** Resources of a refused response, to be sent again in smaller ones: only what is wrong is to be refused. */
  private batches: string[][] = [];
  private outstanding: Outstanding | undefined;
  /** A set that lacks nothing that was asked for by name. */
  private complete: Resources | undefined;

  /** @param wholes whether a first request without names asks for everything; true of clusters and listeners. */
  constructor(private readonly wholes: boolean) {}

  /** Takes a request: subscriptions, versions that the client brought from an earlier stream, ACK or NACK. */
  request(request: DeltaDiscoveryRequest): Answered {
    if (!this.requested) this.first(request);
    for (const name of request.resourceNamesUnsubscribe) this.unsubscribe(name);
    for (const name of request.resourceNamesSubscribe) this.subscribe(name);
    return request.responseNonce === '' ? undefined : this.answer(request);
  }

  private first({ initialResourceVersions, resourceNamesSubscribe }: DeltaDiscoveryRequest): void {
    this.requested = true;
    // Without any name the first request asks for everything; later that has to be said with `*`.
    if (this.wholes && resourceNamesSubscribe.length === 0) this.wildcard = true;
    for (const [name, version] of Object.entries(initialResourceVersions)) {
      this.sent.set(name, version);
      this.accepted.set(name, version);
    }
  }

  private subscribe(name: string): void {
    if (name === '*') {
      this.wildcard = true;
      return;
    }
    // Asked for again: the client has forgotten it, and is owed an answer.
    if (this.names.has(name)) this.force(name);
    this.names.add(name);
    this.absent.delete(name);
    this.complete = undefined;
  }

  private unsubscribe(name: string): void {
    if (name === '*') this.wildcard = false;
    else this.names.delete(name);
    const forgotten = name === '*' ? this.sent.names().filter((one) => !this.names.has(one)) : this.wildcard ? [] : [name];
    for (const one of forgotten) {
      for (const state of [this.sent, this.accepted, this.refusals, this.absent, this.forced]) state.delete(one);
    }
  }

  private answer({ responseNonce, errorDetail }: DeltaDiscoveryRequest): Answered {
    const { outstanding } = this;
    if (!outstanding || outstanding.nonce !== responseNonce) return undefined;
    this.outstanding = undefined;
    if (errorDetail) return this.refused(outstanding.resources, errorDetail.message);
    for (const { name, version } of outstanding.resources) {
      if (this.sent.get(name) !== version) continue;
      this.accepted.set(name, version);
      this.refusals.delete(name);
    }
    this.accepted.adopt(outstanding.whole);
    return { kind: 'ack', resources: outstanding.resources };
  }

  /**
   * The client keeps what it had of the resources that it names. Of the others it may have taken some or none, which the protocol does not say: they
   * are sent again. Where it names none, they are sent in halves, until the one that is wrong stands alone.
   */
  private refused(resources: readonly EncodedResource[], message: string): Answered {
    const named = resources.filter(({ name }) => mentions(message, name));
    const guilty = named.length > 0 ? named : resources.length === 1 ? resources : [];
    for (const { name, version } of guilty) this.refusals.set(name, { version, message, named: named.length > 0 });
    const rest = resources.filter((one) => !guilty.includes(one)).map(({ name }) => name);
    if (rest.length > 0 && guilty.length > 0) this.batches.push(rest);
    else if (rest.length > 0) this.batches.push(rest.slice(0, rest.length / 2), rest.slice(rest.length / 2));
    return { kind: 'nack', refused: guilty.length > 0 ? guilty : resources, message };
  }

  /** The resource is sent again, if the client was ever sent it. */
  force(name: string): void {
    if (this.sent.has(name)) this.forced.add(name);
  }

  /** Whether the client has asked for the resource. */
  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  get waiting(): boolean {
    return this.outstanding !== undefined;
  }

  /** What is to be sent next: new versions, and what was refused together with something else. */
  updates(resources: Resources): readonly EncodedResource[] {
    if (!this.requested) return [];
    while (this.batches.length > 0) {
      const batch = this.batches[0].flatMap((name) => (this.wants(name) ? resources.get(name) ?? [] : []));
      // What changed meanwhile goes with the changes.
      const same = batch.filter(({ name, version }) => this.sent.get(name) === version);
      if (same.length > 0) return same;
      this.batches.shift();
    }
    // As a rule the client has all of another set, and everybody who has it lacks the same.
    const known = this.forced.size === 0 ? this.sent.differenceTo(resources) : undefined;
    if (known) return known.changed.every(({ name }) => this.wants(name)) ? known.changed : known.changed.filter(({ name }) => this.wants(name));
    const wanted = this.wildcard ? [...resources.values()] : [...this.names].flatMap((name) => resources.get(name) ?? []);
    return wanted.filter(({ name, version }) => this.sent.get(name) !== version || this.forced.has(name));
  }

  /** What the client has and must give up. */
  removals(resources: Resources): readonly string[] {
    if (!this.requested) return [];
    const had = this.sent.differenceTo(resources)?.removed ?? this.sent.names().filter((name) => !resources.has(name));
    const gone = had.filter((name) => this.wants(name));
    const candidates = this.complete ? difference(this.complete, resources).removed : [...this.names];
    const missing = candidates.filter((name) => this.names.has(name) && !resources.has(name) && !this.sent.has(name) && !this.absent.has(name));
    if (missing.length === 0) this.complete = resources;
    return gone.length + missing.length === 0 ? NONE : [...gone, ...missing];
  }

  /** A response with these was written. */
  wrote(nonce: string, resources: readonly EncodedResource[], removed: readonly string[], whole: Resources): void {
    this.answered = true;
    this.outstanding = { nonce, resources, whole };
    if (this.batches.length > 0 && resources.length > 0) this.batches.shift();
    for (const { name, version } of resources) {
      this.sent.set(name, version);
      this.forced.delete(name);
      this.absent.delete(name);
    }
    for (const name of removed) {
      for (const state of [this.sent, this.accepted, this.refusals, this.forced]) state.delete(name);
      if (this.names.has(name)) this.absent.add(name);
    }
    this.sent.adopt(whole);
  }

  /** Whether there is nothing to be sent, and no answer to wait for. */
  settled(resources: Resources): boolean {
    return !this.waiting && this.updates(resources).length === 0;
  }

  /** Whether the client runs the present version of everything that it asked for. */
  runs(resources: Resources): boolean {
    return this.settled(resources) && [...resources.values()].every(({ name, version }) => !this.wants(name) || this.accepted.get(name) === version);
  }

  /** Whether the client runs all of a set, by its own answers; a thousand clients of one set are asked without a look at each resource. */
  hasAll(resources: Resources): boolean {
    if (resources.size === 0) return true;
    this.accepted.adopt(resources);
    return this.accepted.is(resources);
  }

  stateOf({ name, version }: EncodedResource): 'accepted' | 'refused' | 'pending' {
    if (this.accepted.get(name) === version) return 'accepted';
    return this.refusals.get(name)?.version === version ? 'refused' : 'pending';
  }

  refusalOf(name: string): Refusal | undefined {
    return this.refusals.get(name);
  }
}

/** Whether a message names a resource, and not only one whose name begins or ends alike: `payment.shop:8080`, `payment.shop:8080@eu-west`. */
export function mentions(message: string, name: string): boolean {
  const NAME = /[\w.@-]/;
  for (let at = message.indexOf(name); at >= 0; at = message.indexOf(name, at + 1)) {
    const before = message[at - 1] ?? '';
    const after = message[at + name.length] ?? '';
    const sentenceEnd = after === '.' && !/\w/.test(message[at + name.length + 1] ?? '');
    if (!NAME.test(before) && before !== ':' && (!NAME.test(after) || sentenceEnd)) return true;
  }
  return false;
}
