import { createHash } from 'node:crypto';
import type { Clock, Timer } from '../../clock';
import {
  create, decode, DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, DiscoveryRequestSchema, DiscoveryResponseSchema, encode, TypeUrl,
  type DeltaDiscoveryRequest, type DiscoveryRequest,
} from '../../xds';
import type { Dialect, Incoming } from './dialect';
import { TYPES, type EncodedResource, type ResourceType } from './snapshot';
import { PATIENCE } from './stream';
import { textField } from './wire';

const { CDS, LDS, RDS } = TypeUrl;

export interface StateOfTheWorldDeps {
  readonly clock: Clock;
  /** Whether the client runs what it asks for of a type, as it is to be by now. */
  readonly runs: (type: ResourceType) => boolean;
  /** A request that was held back, and whose time has come without another one. */
  readonly late: (request: DeltaDiscoveryRequest) => void;
}

/** What a client asks for of one type, and has. */
interface Kept {
  /** Undefined: it has not asked. Empty: for everything, where the type is one of which that can be asked. */
  names: ReadonlySet<string> | undefined;
  /** What it has acknowledged. */
  held: ReadonlyMap<string, EncodedResource>;
  /** What it would have with the response that it has not answered yet. */
  outstanding: { readonly nonce: string; readonly resources: ReadonlyMap<string, EncodedResource> } | undefined;
}

/**
 * The state-of-the-world variant of ADS, which clients of gRPC speak (gRFC A27), as another way to say what the incremental one says; what is sent
 * when is decided there, once for both.
 *
 * A request lists all names, and becomes what it adds and takes away. A response of clusters or listeners is all that the client is to have: what it
 * leaves out is gone. So what a change does not touch goes along as the client has acknowledged it, be it newer, refused, or to be removed a step later.
 * Responses of endpoints and routes have what is new. A removal of theirs cannot be said, and needs not: nothing refers to what was removed any more.
 */
export class StateOfTheWorld implements Dialect {
  private readonly kept: Record<ResourceType, Kept>;
  /** The last request for clusters of a client that has come back, until it has the present listeners and routes. */
  private waiting: DiscoveryRequest | undefined;
  private timer: Timer | undefined;

  constructor(private readonly deps: StateOfTheWorldDeps) {
    const kept = (): Kept => ({ names: undefined, held: new Map(), outstanding: undefined });
    this.kept = Object.fromEntries(TYPES.map((type) => [type, kept()])) as Record<ResourceType, Kept>;
  }

  read(bytes: Buffer): Incoming {
    const request = decode(DiscoveryRequestSchema, bytes);
    return { node: request.node, requests: this.requests(request) };
  }

  released(): DeltaDiscoveryRequest | undefined {
    return this.waiting && this.upToDate() ? this.release() : undefined;
  }

  write(type: ResourceType, nonce: string, resources: readonly EncodedResource[], removed: readonly string[]): Uint8Array[] {
    const kept = this.kept[type];
    const held = new Map(kept.held);
    // It is never sent again, whatever the client answers.
    for (const name of removed) held.delete(name);
    kept.held = held;
    const after = new Map(held);
    for (const resource of resources) after.set(resource.name, resource);
    kept.outstanding = { nonce, resources: after };
    const sent = type === CDS || type === LDS ? [...after.values()] : resources;
    return [textField(1, versionOf(after)), textField(4, type), textField(5, nonce), ...sent.map(bytesOf)];
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.waiting = undefined;
  }

  private requests(request: DiscoveryRequest): DeltaDiscoveryRequest[] {
    const type = TYPES.find((known) => known === request.typeUrl);
    if (!type) return [create(DeltaDiscoveryRequestSchema, { typeUrl: request.typeUrl })];
    if (type === CDS && this.mustWait(request)) {
      this.hold(request);
      return [];
    }
    return [this.translate(type, request)];
  }

  /**
   * A client that comes back names clusters that its old routes send to. Those that are no more would be missing in the response, which takes them
   * away, and its requests would fail until it has the new routes. So listeners and routes come first.
   */
  private mustWait({ versionInfo, resourceNames }: DiscoveryRequest): boolean {
    if (this.waiting) return true;
    return this.kept[CDS].names === undefined && versionInfo !== '' && resourceNames.length > 0 && !this.upToDate();
  }

  private hold(request: DiscoveryRequest): void {
    this.waiting = request;
    this.timer ??= this.deps.clock.setTimer(PATIENCE, () => {
      this.timer = undefined;
      const released = this.release();
      if (released) this.deps.late(released);
    });
  }

  /** Nothing that the client runs refers to clusters that are no more. */
  private upToDate(): boolean {
    return this.kept[LDS].names !== undefined && this.deps.runs(LDS) && (this.kept[RDS].names === undefined || this.deps.runs(RDS));
  }

  private release(): DeltaDiscoveryRequest | undefined {
    const { waiting } = this;
    this.timer?.cancel();
    this.timer = undefined;
    this.waiting = undefined;
    if (!waiting) return undefined;
    // It has thought better of it meanwhile: a first request without names would ask for everything.
    if (waiting.resourceNames.length === 0) {
      this.kept[CDS].names = new Set();
      return undefined;
    }
    return this.translate(CDS, waiting);
  }

  private translate(type: ResourceType, { node, resourceNames, responseNonce, errorDetail }: DiscoveryRequest): DeltaDiscoveryRequest {
    const kept = this.kept[type];
    this.answer(kept, responseNonce, errorDetail === undefined);
    const names = new Set(resourceNames);
    const before = kept.names;
    kept.names = names;
    const left = before ? [...before].filter((name) => !names.has(name)) : [];
    // Who asked for everything by naming nothing, and now names something, asks for that alone.
    const everything = before?.size === 0 && names.size > 0 && (type === CDS || type === LDS) ? ['*'] : [];
    for (const name of everything.length > 0 ? [...kept.held.keys()].filter((one) => !names.has(one)) : left) this.forget(kept, name);
    return create(DeltaDiscoveryRequestSchema, {
      node,
      typeUrl: type,
      responseNonce,
      errorDetail,
      resourceNamesSubscribe: [...names].filter((name) => !before?.has(name)),
      resourceNamesUnsubscribe: [...left, ...everything],
    });
  }

  private answer(kept: Kept, nonce: string, taken: boolean): void {
    if (kept.outstanding?.nonce !== nonce) return;
    if (taken) kept.held = kept.outstanding.resources;
    kept.outstanding = undefined;
  }

  private forget(kept: Kept, name: string): void {
    const without = (resources: ReadonlyMap<string, EncodedResource>) => new Map([...resources].filter(([one]) => one !== name));
    kept.held = without(kept.held);
    if (kept.outstanding) kept.outstanding = { ...kept.outstanding, resources: without(kept.outstanding.resources) };
  }
}

const encoded = new WeakMap<EncodedResource, Uint8Array>();

/** A DiscoveryResponse with nothing but this resource; several, one behind the other, are a response of them all. */
function bytesOf(resource: EncodedResource): Uint8Array {
  const found = encoded.get(resource) ?? encode(DiscoveryResponseSchema, create(DiscoveryResponseSchema, {
    resources: decode(DeltaDiscoveryResponseSchema, resource.bytes).resources.flatMap(({ resource: any }) => any ?? []),
  }));
  encoded.set(resource, found);
  return found;
}

/** Of what a client has with a response: equal on every replica. */
function versionOf(resources: ReadonlyMap<string, EncodedResource>): string {
  const hash = createHash('sha256');
  for (const [name, { version }] of [...resources].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${name}\0${version}\0`);
  return hash.digest('hex').slice(0, 16);
}
