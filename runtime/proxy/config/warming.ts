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

  /** @param ready whether everything that the resource needs has arrived. */
  constructor(private readonly ready: (resource: T) => boolean) {}

  addFixed(name: string, resource: T): void {
    this.fixed.add(name);
    this.set(name, resource);
  }

  isFixed(name: string): boolean {
    return this.fixed.has(name);
  }

  set(name: string, resource: T): void {
    const entry = this.entries.get(name);
    if (entry) entry.pending = resource;
    else this.entries.set(name, { active: undefined, pending: resource });
  }

  remove(name: string): void {
    if (!this.fixed.has(name)) this.entries.delete(name);
  }

  /** Activates what has become ready. */
  settle(): void {
    for (const entry of this.entries.values()) {
      if (entry.pending === undefined || !this.ready(entry.pending)) continue;
      entry.active = entry.pending;
      entry.pending = undefined;
    }
  }

  /** Names of resources that are not there yet, or not in their newest version. */
  warming(): string[] {
    return [...this.entries].filter(([, entry]) => entry.pending !== undefined).map(([name]) => name);
  }

  *active(): Generator<[string, T]> {
    for (const [name, entry] of this.entries) if (entry.active !== undefined) yield [name, entry.active];
  }

  /** Active and pending ones: whatever these need has to be subscribed to. */
  *all(): Generator<T> {
    for (const entry of this.entries.values()) {
      if (entry.active !== undefined) yield entry.active;
      if (entry.pending !== undefined) yield entry.pending;
    }
  }
}
