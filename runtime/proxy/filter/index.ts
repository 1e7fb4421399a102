import { isDeepStrictEqual } from 'node:util';
import type { HttpFilterConfig } from '../config/types';
import { FILTER_KINDS, type FilterContext } from './kinds';
import type { HttpFilter } from './types';

export type { FilterRequest, HttpFilter, LocalReply } from './types';

export interface FilterDependencies extends FilterContext {
  /** The filters that these replace: those whose configuration did not change go on with their state. */
  readonly previous?: readonly HttpFilter[];
}

/** What each filter was made from. */
const madeFrom = new WeakMap<HttpFilter, HttpFilterConfig>();

/** The filters of a listener, ready to run, in the order of their configuration. */
export function compileFilters(configs: readonly HttpFilterConfig[], dependencies: FilterDependencies): HttpFilter[] {
  const { previous = [] } = dependencies;
  return configs.map((config) => {
    const same = previous.find((filter) => isDeepStrictEqual(madeFrom.get(filter), config));
    if (same) return same;
    const made = FILTER_KINDS[config.kind](config, dependencies);
    madeFrom.set(made, config);
    return made;
  });
}
