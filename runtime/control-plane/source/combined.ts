import type { Documents } from '../resources';
import type { Source } from './types';

/** Several sources as one. Nothing is told before each has told everything: half of a mesh is no mesh. */
export class CombinedSource implements Source {
  readonly name: string;
  private readonly latest = new Map<Source, Documents>();
  private readonly listeners = new Set<(documents: Documents) => void>();

  constructor(private readonly sources: readonly Source[]) {
    this.name = sources.map(({ name }) => name).join(', ');
    for (const source of sources) {
      source.subscribe((documents) => {
        this.latest.set(source, documents);
        const all = this.all();
        if (all) for (const listener of this.listeners) listener(all);
      });
    }
  }

  subscribe(listener: (documents: Documents) => void): () => void {
    this.listeners.add(listener);
    const all = this.all();
    if (all) listener(all);
    return () => this.listeners.delete(listener);
  }

  waitingFor(): string | undefined {
    const reasons = this.sources.flatMap((source) => (this.latest.has(source) ? [] : [source.waitingFor?.() ?? source.name]));
    return reasons.join('; ') || undefined;
  }

  pods(): ReadonlyMap<string, number> | undefined {
    return this.sources.map((source) => source.pods?.()).find((pods) => pods !== undefined);
  }

  async start(): Promise<void> {
    await Promise.all(this.sources.map(async (source) => source.start()));
  }

  async close(): Promise<void> {
    await Promise.all(this.sources.map(async (source) => source.close()));
  }

  private all(): Documents | undefined {
    const parts = this.sources.map((source) => this.latest.get(source));
    if (!parts.every((part) => part !== undefined)) return undefined;
    const { namespaces, injected } = parts.find((part) => part.namespaces) ?? {};
    return {
      ...namespaces ? { namespaces } : {},
      ...injected ? { injected } : {},
      documents: parts.flatMap(({ documents }) => documents),
      unreadable: parts.flatMap(({ unreadable }) => unreadable),
    };
  }
}
