/**
 * `next`, with every part that equals its counterpart in `previous` replaced by that counterpart, however deep: what did not change keeps its
 * identity. For trees of plain objects, arrays and Maps.
 */
export function shareUnchanged<T>(previous: T | undefined, next: T): T {
  return share(previous, next) as T;
}

function share(previous: unknown, next: unknown): unknown {
  if (Object.is(previous, next) || !isTree(previous) || !isTree(next)) return next;
  if (next instanceof Map) return previous instanceof Map ? shareMap(previous, next) : next;
  if (Array.isArray(next) !== Array.isArray(previous) || previous instanceof Map) return next;
  return Array.isArray(next) ? shareArray(previous as unknown[], next) : shareObject(previous as Dictionary, next as Dictionary);
}

type Dictionary = Record<string, unknown>;

function shareArray(previous: readonly unknown[], next: readonly unknown[]): readonly unknown[] {
  const items = next.map((item, index) => share(previous[index], item));
  return items.length === previous.length && items.every((item, index) => Object.is(item, previous[index])) ? previous : Object.freeze(items);
}

function shareObject(previous: Dictionary, next: Dictionary): Dictionary {
  const keys = Object.keys(next);
  const shared = Object.fromEntries(keys.map((key) => [key, share(previous[key], next[key])]));
  const same = keys.length === Object.keys(previous).length && keys.every((key) => key in previous && Object.is(shared[key], previous[key]));
  return same ? previous : Object.freeze(shared);
}

function shareMap(previous: ReadonlyMap<unknown, unknown>, next: ReadonlyMap<unknown, unknown>): ReadonlyMap<unknown, unknown> {
  const shared = new Map([...next].map(([key, value]) => [key, share(previous.get(key), value)]));
  const same = shared.size === previous.size && [...shared].every(([key, value]) => previous.has(key) && Object.is(value, previous.get(key)));
  return same ? previous : shared;
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
