import type { Resolver } from './dns';

const FAMILY = { v4: 4, v6: 6, v4_preferred: 0, all: 0 } as const;

/**
 * Names as the system resolves them, `/etc/hosts` and search domains included. That says nothing of how long an answer is good: it is asked of the
 * DNS beside it, which does not know every name that the system does.
 */
export const systemResolver: Resolver = {
  resolve: async (name, families) => {
    const { lookup } = await import('node:dns/promises');
    const found = await lookup(name, { all: true, family: FAMILY[families] });
    const v4 = found.filter(({ family }) => family === 4);
    return (families === 'v4_preferred' && v4.length > 0 ? v4 : found).map(({ address }) => address);
  },
  timeToLive: async (name, addresses) => {
    const { resolve4, resolve6 } = await import('node:dns/promises');
    const six = addresses.every((address) => address.includes(':'));
    try {
      const records = await (six ? resolve6 : resolve4)(name, { ttl: true });
      // Another answer than the system's says nothing about that one.
      const same = records.filter(({ address }) => addresses.includes(address));
      return same.length === 0 ? undefined : Math.min(...same.map(({ ttl }) => ttl)) * 1000;
    } catch {
      return undefined;
    }
  },
};
