/** A resource as the store keeps it: what serves, and what will replace it once all it needs has arrived. */
export interface Warming<T> {
  active: T | undefined;
  pending: T | undefined;
}

/**
 * Resources of one type by name. A new version of one waits as `pending` until it is ready; until then the active one, if there is one, goes on.
 * Names in `fixed` come from the bootstrap and are nobody else's to change.
 */
export class WarmingSet<T> {
  private readonly entries = new Map<string, Warming<T>>();
  private readonly fixed = new Set<string>();

  /**
   * @param ready whether everything that the resource needs has arrived.
   * @param excludes whether two resources cannot be active at once: the later one waits until the other has gone or changed. Never by default.
   */
  constructor(private readonly ready: (resource: T) => boolean, private readonly excludes?: (one: T, other: T) => boolean) {}

  addFixed(name: string, resource: T): void {
    this.fixed.add(name);
    this.set(name, resource);
  }

  isFixed(name: string): boolean {
    return this.fixed.has(name);
  }

  /** Returns what takes it back, until the next `settle`. */
  set(name: string, resource: T): () => void {
    const entry = this.entries.get(name);
    if (entry === undefined) {
      this.entries.set(name, { active: undefined, pending: resource });
      return () => this.entries.delete(name);
    }
    const { pending } = entry;
    entry.pending = resource;
    return () => { entry.pending = pending; };
  }

  remove(name: string): void {
    if (!this.fixed.has(name)) this.entries.delete(name);
  }

  /** Activates what has become ready. */
  settle(): void {
    for (const entry of this.activatable()) {
      entry.active = entry.pending;
      entry.pending = undefined;
    }
  }

  /** Those that are ready and can be active beside all others: together with those that become active with them, so that two may change places. */
  private activatable(): ReadonlySet<Warming<T>> {
    const entries = [...this.entries.values()];
    const found = new Set(entries.filter(({ pending }) => pending !== undefined && this.ready(pending)));
    const { excludes } = this;
    if (excludes === undefined) return found;
    for (let before = -1; before !== found.size;) {
      before = found.size;
      for (const entry of found) {
        const hindered = entries.some((other) => {
          const theirs = found.has(other) ? other.pending : other.active;
          return other !== entry && theirs !== undefined && excludes(entry.pending!, theirs);
        });
        if (hindered) found.delete(entry);
      }
    }
    return found;
  }

  /** Names of resources that are not there yet, or not in their newest version. */
  warming(): string[] {
    return [...this.entries].filter(([, entry]) => entry.pending !== undefined).map(([name]) => name);
  }

  *active(): Generator<[string, T]> {
    for (const [name, entry] of this.entries) if (entry.active !== undefined) yield [name, entry.active];
  }

  /** Each in its newest version, active or not. */
  *newest(): Generator<[string, T]> {
    for (const [name, entry] of this.entries) {
      const resource = entry.pending ?? entry.active;
      if (resource !== undefined) yield [name, resource];
    }
  }

  /** Active and pending ones: whatever these need has to be subscribed to. */
  *all(): Generator<T> {
    for (const entry of this.entries.values()) {
      if (entry.active !== undefined) yield entry.active;
      if (entry.pending !== undefined) yield entry.pending;
    }
  }
}
