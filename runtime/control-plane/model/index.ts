export * from './types';
export { geohashPrefixes, rankLocalities } from './locality';
export type { GeohashPrefix, RankedLocality } from './locality';
export { byPrecedence } from './precedence';
export type { Candidate } from './precedence';
export { shareUnchanged } from './share';
