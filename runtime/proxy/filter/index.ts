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

function make<K extends HttpFilterConfig['kind']>(config: Extract<HttpFilterConfig, { kind: K }>, context: FilterContext): HttpFilter {
  const kind: (config: Extract<HttpFilterConfig, { kind: K }>, context: FilterContext) => HttpFilter = FILTER_KINDS[config.kind as K];
  return kind(config, context);
}

/** The filters of a listener, ready to run, in the order of their configuration. */
export function compileFilters(configs: readonly HttpFilterConfig[], dependencies: FilterDependencies): HttpFilter[] {
  const { previous = [] } = dependencies;
  return configs.map((config) => {
    const same = previous.find((filter) => isDeepStrictEqual(madeFrom.get(filter), config));
    if (same) return same;
    const made = make(config, dependencies);
    madeFrom.set(made, config);
    return made;
  });
}
