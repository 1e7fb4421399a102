import type { MeshServiceResource } from '../../../../src/contract';
import { silentLog, type Log } from '../../log';
import type { Documents, RawDocument } from '../../resources';
import { readDocument } from '../../resources/read';
import type { Source } from '../types';
import type { ConsulQuery } from './client';
import { slicesOf } from './slices';
import { ConsulWatch, type ConsulWatchDeps } from './watch';

export interface ConsulSourceOptions extends Omit<ConsulWatchDeps, 'changed' | 'state'> {
  readonly log?: Log;
}

interface Wanted {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  readonly query: ConsulQuery;
}

interface Watched {
  readonly watch: ConsulWatch;
  /** Slices of each MeshService that names it, of the present instances. */
  readonly slices: Map<string, readonly RawDocument[]>;
}

/**
 * The documents of another source, with the endpoints that its MeshServices say are in Consul (`spec.discovery.consul`). At the start everything is
 * waited for; a service that names Consul later has no endpoints from there until it has answered.
 */
export class ConsulSource implements Source {
  readonly name: string;
  private readonly log: Log;
  private readonly watched = new Map<string, Watched>();
  private readonly problems = new Map<string, string>();
  private readonly listeners = new Set<(documents: Documents) => void>();
  private inner: Documents | undefined;
  private wanted: readonly Wanted[] = [];
  private current: Documents | undefined;
  private ready: () => void = () => {};

  constructor(private readonly source: Source, private readonly options: ConsulSourceOptions) {
    this.name = `${source.name}, consul:${options.address}`;
    this.log = options.log ?? silentLog;
    source.subscribe((documents) => {
      this.inner = documents;
      this.watch(wantedBy(documents));
      this.publish();
    });
  }

  subscribe(listener: (documents: Documents) => void): () => void {
    this.listeners.add(listener);
    if (this.current) listener(this.current);
    return () => this.listeners.delete(listener);
  }

  waitingFor(): string | undefined {
    if (this.current) return undefined;
    if (!this.inner) return this.source.waitingFor?.() ?? this.source.name;
    return [...this.problems.values()].join('; ') || `answers of ${this.options.address}`;
  }

  pods(): ReadonlyMap<string, number> | undefined {
    return this.source.pods?.();
  }

  async start(): Promise<void> {
    const ready = new Promise<void>((resolve) => { this.ready = resolve; });
    if (this.current) this.ready();
    await this.source.start();
    await ready;
  }

  async close(): Promise<void> {
    this.listeners.clear();
    for (const { watch } of this.watched.values()) watch.close();
    await this.source.close();
  }

  private watch(wanted: readonly Wanted[]): void {
    this.wanted = wanted;
    for (const [key, { watch }] of this.watched) {
      if (wanted.some((one) => one.key === key)) continue;
      watch.close();
      this.watched.delete(key);
      this.problems.delete(key);
    }
    for (const { key, query } of wanted) {
      if (this.watched.has(key)) continue;
      const watch = new ConsulWatch(query, {
        ...this.options,
        changed: () => {
          this.watched.get(key)?.slices.clear();
          this.publish();
        },
        state: (problem) => this.state(key, problem),
      });
      this.watched.set(key, { watch, slices: new Map() });
    }
  }

  private publish(): void {
    const { inner } = this;
    if (!inner) return;
    if (!this.current && this.wanted.some(({ key }) => !this.watched.get(key)?.watch.instances)) return;
    this.current = { ...inner, documents: [...inner.documents, ...this.wanted.flatMap((one) => this.slicesFor(one))] };
    for (const listener of this.listeners) listener(this.current);
    this.ready();
  }

  /** The same objects as long as nothing changes. */
  private slicesFor({ namespace, name, key, query }: Wanted): readonly RawDocument[] {
    const { watch, slices } = this.watched.get(key)!;
    const id = `${namespace}/${name}`;
    const made = slices.get(id) ?? slicesOf(watch.instances ?? [], { namespace, name }, `consul:${this.options.address} service ${query.service}`);
    slices.set(id, made);
    return made;
  }

  private state(key: string, problem: string | undefined): void {
    if (this.problems.get(key) === problem) return;
    if (problem === undefined) {
      this.problems.delete(key);
      this.log.info('source', 'Consul answers again', { address: this.options.address });
    } else {
      this.problems.set(key, problem);
      this.log.warning('source', problem);
    }
  }
}

function wantedBy({ documents }: Documents): Wanted[] {
  return documents.flatMap((document) => {
    const read = readDocument(document);
    if (read.kind !== 'valid' || read.id.kind !== 'MeshService') return [];
    const consul = (read.value as MeshServiceResource).spec.discovery?.consul;
    if (!consul) return [];
    const query = { service: consul.service, datacenter: consul.datacenter, tags: [...consul.tags ?? []].sort() };
    return [{ namespace: read.id.namespace, name: read.id.name, key: JSON.stringify(query), query }];
  });
}
