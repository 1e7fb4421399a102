import { bodyRules } from './body';
import { bootstrapRules } from './bootstrap';
import { clusterRules } from './cluster';
import { coreRules } from './core';
import { jwtRules } from './jwt';
import { listenerRules } from './listener';
import { rbacRules } from './rbac';
import { routeRules } from './route';
import type { RuleTable } from './rule';
import { tlsRules } from './tls';

/**
 * The subset of xDS v3 that the proxy takes: message type → field → rule. A field that is not here is refused wherever it is set; `docs/xds-subset.md`
 * is generated from this table, and every decoder reads only what it lists.
 */
export const accepted: RuleTable = {
  ...bootstrapRules, ...listenerRules, ...routeRules, ...clusterRules, ...coreRules, ...tlsRules, ...rbacRules, ...bodyRules, ...jwtRules,
};

/** Where the table is written for people; errors point there. */
export const SUBSET_PAGE = 'docs/xds-subset.md';

export type { FieldRule, MessageRules, RuleTable } from './rule';
