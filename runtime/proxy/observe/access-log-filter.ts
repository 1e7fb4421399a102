import type { AccessLogFilterConfig } from '../config/types';
import type { RequestRecord } from './types';

/** Whether a request that has ended gets a line. */
export type IsLogged = (record: RequestRecord) => boolean;

/** @param random gives 0 ≤ x < 1; asked only where a share is to be taken. */
export function compileFilter(filter: AccessLogFilterConfig | undefined, random: () => number): IsLogged {
  switch (filter?.kind) {
    case undefined:
      return () => true;
    case 'any': {
      const filters = filter.filters.map((one) => compileFilter(one, random));
      return (record) => {
        for (const one of filters) if (one(record)) return true;
        return false;
      };
    }
    case 'flag': {
      const flags = new Set(filter.flags);
      // One end with several flags has each of them.
      return ({ flag }) => flag !== undefined && (flags.has(flag) || (flag.includes(',') && flag.split(',').some((one) => flags.has(one))));
    }
    case 'sample': {
      const share = filter.perMillion / 1_000_000;
      return () => random() < share;
    }
    case 'status': {
      const { op, value } = filter;
      if (op === 'EQ') return ({ status }) => status === value;
      return op === 'GE' ? ({ status }) => status >= value : ({ status }) => status <= value;
    }
  }
}
