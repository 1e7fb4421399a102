import type { Backend, Rule } from './types';

/** Rules that hold for calls from a namespace, and the namespace of their routes. */
export interface RulesInForce {
  readonly rules: readonly Rule[];
  readonly namespace: string;
}

/**
 * The rules of a backend for callers of `namespace`: those of their own namespace's routes where it has any (consumer routes), else those of the backend's
 * (producer routes), as GEP-1426 says; never both. Undefined: no route at all.
 */
export function rulesFor({ rules, consumerRules, namespace: own }: Backend, namespace: string): RulesInForce | undefined {
  const consumer = consumerRules?.get(namespace);
  if (consumer) return { rules: consumer, namespace };
  return rules && { rules, namespace: own };
}
