export { Gate } from './gate';
export { objectPath, WATCHED, type WatchedKind } from './kinds';
export { Reflector, type Collection } from './reflector';
export { KubernetesSource, type KubernetesSourceOptions, type Observed } from './source';
