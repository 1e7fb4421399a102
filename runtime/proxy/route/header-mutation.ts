import type { HeaderMutation, HeaderValue } from '../config/types';

/**
 * One mutation that does what the given ones do one after the other. In Envoy they are, for a request, those of the weighted cluster, the route and
 * the virtual host, the most specific first, so that what comes later wins (most_specific_header_mutations_wins is off by default); each of them
 * removes before it sets and appends. The data path applies the result in the same order: remove, set, append.
 *
 * Undefined where there is nothing to do. `%%` in a value becomes `%`; other command operators never get here.
 */
export function combineMutations(mutations: readonly HeaderMutation[]): HeaderMutation | undefined {
  const remove = new Set<string>();
  const set = new Map<string, HeaderValue>();
  let append: HeaderValue[] = [];
  const forget = (name: string) => {
    set.delete(name);
    append = append.filter((header) => header.name !== name);
  };
  for (const mutation of mutations) {
    for (const name of mutation.remove) {
      remove.add(name);
      forget(name);
    }
    for (const header of mutation.set) {
      forget(header.name);
      set.set(header.name, literal(header));
    }
    for (const header of mutation.append) append.push(literal(header));
  }
  if (remove.size === 0 && set.size === 0 && append.length === 0) return undefined;
  return Object.freeze({ remove: [...remove], set: [...set.values()], append });
}

function literal({ name, value }: HeaderValue): HeaderValue {
  return { name, value: value.replaceAll('%%', '%') };
}
