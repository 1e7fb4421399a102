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

const joined = new WeakMap<HeaderMutation, WeakMap<HeaderMutation, HeaderMutation>>();

/** One mutation that does what two do one after the other; remembered, as what filters and routes do is the same for many requests. */
export function inTurn(first: HeaderMutation, second: HeaderMutation): HeaderMutation {
  let ofFirst = joined.get(first);
  if (ofFirst === undefined) joined.set(first, ofFirst = new WeakMap());
  let both = ofFirst.get(second);
  if (both === undefined) {
    const gone = new Set([...second.remove, ...second.set.map(({ name }) => name)]);
    const stays = ({ name }: HeaderValue) => !gone.has(name);
    both = {
      remove: [...new Set([...first.remove, ...second.remove])],
      set: [...first.set.filter(stays), ...second.set],
      append: [...first.append.filter(stays), ...second.append],
    };
    ofFirst.set(second, both);
  }
  return both;
}

function literal({ name, value }: HeaderValue): HeaderValue {
  return { name, value: value.replaceAll('%%', '%') };
}
