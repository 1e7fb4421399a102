export * from './policies';
export * from './types';
export { geohashPrefixes, rankLocalities } from './locality';
export type { GeohashPrefix, RankedLocality } from './locality';
export { byPrecedence } from './precedence';
export type { Candidate } from './precedence';
export { rulesFor } from './rules';
export type { RulesInForce } from './rules';
export { shareUnchanged } from './share';
