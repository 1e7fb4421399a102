export { AdsServer, type AdsServerDeps, type Connection, type StreamAge } from './server';
export type { Peer } from './node';
export { TYPES, type EncodedResource, type ResourceType, type Snapshot, type XdsMessage } from './snapshot';
export { shortType, type AdsStats } from './stats';
export type { Resources } from './versions';
