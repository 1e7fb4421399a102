import type { ListenerConfig } from './types';

/** Whether two listeners cannot be bound at once; port 0 is another one for each. */
export function shareAddress(a: ListenerConfig, b: ListenerConfig): boolean {
  return a.port !== 0 && a.port === b.port && a.address === b.address;
}

/**
 * The first of the `changed` listeners whose address another one has that did not change, or that changed before it, and that other one.
 * @param newest the newest version of each listener, the changed ones included.
 */
export function takenAddress(changed: readonly string[], newest: ReadonlyMap<string, ListenerConfig>): [name: string, other: string] | undefined {
  for (const [index, name] of changed.entries()) {
    const config = newest.get(name)!;
    for (const [other, theirs] of newest) {
      if (other !== name && shareAddress(config, theirs) && changed.indexOf(other) < index) return [name, other];
    }
  }
  return undefined;
}
