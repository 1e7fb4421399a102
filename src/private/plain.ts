/** Thrown for what is an instance of a class: only a resolver of cdk8s can say what it stands for. */
export class NotPlain extends Error {}

/**
 * A copy without what is undefined or null. No two parts of it are the same object: YAML would write the second as a reference to the first.
 *
 * @param sorted whether the keys of each object are sorted
 * @throws NotPlain
 */
export function plain<T>(value: T, sorted: boolean): T {
  if (Array.isArray(value)) return value.map((item) => plain(item, sorted)) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (value.constructor !== Object) throw new NotPlain(`an object of class ${value.constructor?.name}`);
  const copy: Record<string, unknown> = {};
  const keys = Object.keys(value);
  for (const key of sorted ? keys.sort() : keys) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined && member !== null) copy[key] = plain(member, sorted);
  }
  return copy as T;
}
