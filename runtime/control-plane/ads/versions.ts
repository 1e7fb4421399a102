import type { EncodedResource } from './snapshot';

/** Resources of one type by name. A set of them is never changed; proxies of a service share one, and a set that did not change is the same object. */
export type Resources = ReadonlyMap<string, EncodedResource>;

/** What is different in a set than in another one. */
export interface Difference {
  /** New ones, and new versions, in the order of the set. */
  readonly changed: readonly EncodedResource[];
  readonly removed: readonly string[];
}

const NOTHING: Difference = { changed: [], removed: [] };
const EMPTY: Resources = new Map();
const compared = new WeakMap<Resources, WeakMap<Resources, Difference>>();

/** What changed between two sets; found once for all clients that go from the one to the other. */
export function difference(from: Resources, to: Resources): Difference {
  if (from === to) return NOTHING;
  const known = compared.get(to) ?? new WeakMap<Resources, Difference>();
  compared.set(to, known);
  const found = known.get(from) ?? {
    changed: [...to.values()].filter(({ name, version }) => from.get(name)?.version !== version),
    removed: [...from.keys()].filter((name) => !to.has(name)),
  };
  known.set(from, found);
  return found;
}

/** The set with other versions of some of its resources; the same one where there are none. */
export function withVersions(before: Resources, resources: readonly EncodedResource[]): Resources {
  const changed = resources.filter(({ name, version }) => before.has(name) && before.get(name)!.version !== version);
  if (changed.length === 0) return before;
  const next = new Map(before);
  for (const resource of changed) next.set(resource.name, resource);
  compared.set(next, new WeakMap([[before, { changed, removed: [] }]]));
  return next;
}

/**
 * Versions of resources that a client has. As a rule it has all of a set that it shares with others; what is different for this one is kept beside it,
 * so that a thousand clients do not have a thousand lists.
 */
export class Versions {
  private shared = EMPTY;
  private readonly own = new Map<string, string | undefined>();

  get(name: string): string | undefined {
    return this.own.has(name) ? this.own.get(name) : this.shared.get(name)?.version;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  set(name: string, version: string): void {
    this.own.set(name, version);
  }

  delete(name: string): void {
    if (this.shared.has(name)) this.own.set(name, undefined);
    else this.own.delete(name);
  }

  /** Whether the client has just this set, where that is known without looking at each. */
  is(resources: Resources): boolean {
    return this.own.size === 0 && this.shared === resources;
  }

  /** Names of all that the client has. */
  names(): string[] {
    return [...new Set([...this.shared.keys(), ...this.own.keys()])].filter((name) => this.has(name));
  }

  /** What a set has otherwise; undefined where that is not known without looking at each. */
  differenceTo(resources: Resources): Difference | undefined {
    return this.own.size === 0 ? difference(this.shared, resources) : undefined;
  }

  /** Takes the set for what the client has, if it is. */
  adopt(resources: Resources): void {
    if (this.own.size === 0) return;
    for (const [name, version] of this.own) if (resources.get(name)?.version !== version) return;
    const { changed, removed } = difference(this.shared, resources);
    if (!changed.every(({ name }) => this.own.has(name)) || !removed.every((name) => this.own.has(name))) return;
    this.shared = resources;
    this.own.clear();
  }
}
