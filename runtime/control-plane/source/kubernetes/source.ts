import { isDeepStrictEqual } from 'node:util';
import { SERVICE_LABEL } from '../../../../src/contract';
import type { Clock, Timer } from '../../../clock';
import type { ApiObject, KubernetesApi } from '../../kubernetes';
import { silentLog, type Log } from '../../log';
import type { Documents, RawDocument } from '../../resources';
import type { Source } from '../types';
import { Gate } from './gate';
import { WATCHED, type WatchedKind } from './kinds';
import { objectPath } from './paths';
import { Reflector } from './reflector';

export interface KubernetesSourceOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log?: Log;
  /** Quiet time in milliseconds after a change before it is told: a rollout is one change. 20 by default. */
  readonly debounce?: number;
  /** Longest time in milliseconds that changes which do not end are collected. 200 by default. */
  readonly longestDebounce?: number;
}

/** What the API has of an object that the control plane writes the status of. */
export interface Observed {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly status: unknown;
  /** Namespace of the mesh that it is, or says that it belongs to; undefined of a route. */
  readonly mesh: string | undefined;
  /** `spec.parentRefs` of a route, as they stand there. */
  readonly parentRefs: readonly unknown[];
}

const POD = WATCHED.findIndex(({ kind }) => kind === 'Pod');
const NAMESPACE = WATCHED.findIndex(({ kind }) => kind === 'Namespace');

interface Kept {
  /** `MeshService shop/payment`: the form of `describeId`. */
  readonly name: string;
  readonly document: RawDocument;
  readonly observed: Observed | undefined;
}

/** Everything of the mesh that a Kubernetes API has. While the API is away it stays as it was last. */
export class KubernetesSource implements Source {
  readonly name: string;
  private readonly log: Log;
  private readonly kinds: { readonly reflector: Reflector<Kept>; readonly kept: Map<string, Kept> }[];
  private readonly problems = new Map<string, string>();
  private readonly listeners = new Set<(documents: Documents) => void>();
  private readonly observers = new Set<(what: 'status' | 'pods') => void>();
  private current: Documents | undefined;
  private timer: Timer | undefined;
  private dirtySince: number | undefined;
  private readonly ready: Promise<void>;
  private synced!: () => void;
  private closed = false;

  constructor(private readonly options: KubernetesSourceOptions) {
    const { api, clock, random, log = silentLog } = options;
    this.name = `kubernetes:${api.server}`;
    this.log = log;
    this.ready = new Promise((resolve) => { this.synced = resolve; });
    const gate = new Gate();
    this.kinds = WATCHED.map((kind) => {
      const kept = new Map<string, Kept>();
      const reflector = new Reflector<Kept>(kind, {
        api, clock, random, gate,
        keep: (object) => keptOf(kind, object),
        replaced: (items) => this.replace(kept, items),
        changed: (item) => this.put(kind.kind, kept, item),
        deleted: ({ name }) => {
          kept.delete(name);
          this.changed(kind.kind);
        },
        state: (problem) => this.state(kind.kind, problem),
      });
      return { reflector, kept };
    });
  }

  subscribe(listener: (documents: Documents) => void): () => void {
    this.listeners.add(listener);
    if (this.current) listener(this.current);
    return () => this.listeners.delete(listener);
  }

  /** Calls `observer` when a status that the API has, or the object that it is of, has changed; and when pods came or went. */
  observe(observer: (what: 'status' | 'pods') => void): () => void {
    this.observers.add(observer);
    return () => this.observers.delete(observer);
  }

  /** What the API has of every object that the control plane writes the status of, by name. */
  observed(): ReadonlyMap<string, Observed> {
    const all = this.kinds.flatMap(({ kept }) => [...kept.values()]);
    return new Map(all.flatMap(({ name, observed }) => (observed ? [[name, observed] as const] : [])));
  }

  pods(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { document } of this.kinds[POD].kept.values()) {
      const { metadata: { namespace, labels } } = document.value as { metadata: { namespace: string; labels: Record<string, string> } };
      const service = `${namespace}/${labels[SERVICE_LABEL]}`;
      counts.set(service, (counts.get(service) ?? 0) + 1);
    }
    return counts;
  }

  /** Resolves when everything has been listed once, however long the API takes to be there. */
  async start(): Promise<void> {
    for (const { reflector } of this.kinds) reflector.start();
    return this.ready;
  }

  waitingFor(): string | undefined {
    if (this.current) return undefined;
    return [...new Set(this.problems.values())].join('; ') || `lists of ${this.options.api.server}`;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    this.listeners.clear();
    this.observers.clear();
    for (const { reflector } of this.kinds) reflector.close();
  }

  private replace(kept: Map<string, Kept>, items: readonly Kept[]): void {
    const before = new Map(kept);
    kept.clear();
    // What did not change keeps its identity, so that nothing is made again of it.
    for (const item of items) kept.set(item.name, this.same(before.get(item.name), item));
    this.changed();
  }

  private put(kind: string, kept: Map<string, Kept>, item: Kept): void {
    const before = kept.get(item.name);
    const now = this.same(before, item);
    kept.set(item.name, now);
    if (now.document !== before?.document) this.changed(kind);
    else if (item.observed) for (const observer of this.observers) observer('status');
  }

  private same(before: Kept | undefined, item: Kept): Kept {
    return before && isDeepStrictEqual(before.document.value, item.document.value) ? { ...item, document: before.document } : item;
  }

  private changed(kind?: string): void {
    const { clock, debounce = 20, longestDebounce = 200 } = this.options;
    if (this.closed || !this.kinds.every(({ reflector }) => reflector.synced)) return;
    // A pod that comes or goes is no change of the mesh, but of how many have a proxy.
    if (kind === 'Pod') {
      for (const observer of this.observers) observer('pods');
      return;
    }
    const now = clock.now();
    this.dirtySince ??= now;
    this.timer?.cancel();
    this.timer = clock.setTimer(Math.min(debounce, this.dirtySince + longestDebounce - now), () => this.publish());
  }

  private publish(): void {
    this.dirtySince = undefined;
    const documentsOf = (kind: number) => [...this.kinds[kind].kept.values()].map(({ document }) => document);
    const namespaces = documentsOf(NAMESPACE).map(({ value }) => (value as { metadata: { name: string; injected: boolean } }).metadata);
    this.current = {
      // Pods and namespaces are counted and named, not read.
      documents: this.kinds.flatMap((_, kind) => (kind === POD || kind === NAMESPACE ? [] : documentsOf(kind))),
      unreadable: [],
      namespaces: new Set(namespaces.map(({ name }) => name)),
      injected: new Set(namespaces.filter(({ injected }) => injected).map(({ name }) => name)),
    };
    for (const listener of this.listeners) listener(this.current);
    for (const observer of this.observers) observer('status');
    this.synced();
  }

  /** Each problem once, and that it is over. */
  private state(kind: string, problem: string | undefined): void {
    const before = this.problems.get(kind);
    if (problem === before) return;
    if (problem === undefined) {
      this.problems.delete(kind);
      this.log.info('source', 'watching again', { kind });
    } else {
      this.problems.set(kind, problem);
      this.log.warning('source', problem);
    }
  }
}

function keptOf(kind: WatchedKind, object: ApiObject): Kept {
  const { metadata, status, spec } = object;
  const apiVersion = object.apiVersion ?? (kind.group === '' ? kind.versions[0] : `${kind.group}/${kind.versions[0]}`);
  return {
    name: `${kind.kind} ${metadata.namespace}/${metadata.name}`,
    document: { value: { apiVersion, kind: kind.kind, ...kind.keep(object) }, location: objectPath(kind, metadata) },
    observed: !kind.reported ? undefined : {
      uid: metadata.uid ?? '',
      resourceVersion: metadata.resourceVersion ?? '',
      status,
      mesh: kind.kind === 'Mesh' ? metadata.namespace : (spec as { mesh?: { namespace?: string } } | undefined)?.mesh?.namespace,
      parentRefs: (spec as { parentRefs?: readonly unknown[] } | undefined)?.parentRefs ?? [],
    },
  };
}
