export { Gate } from './gate';
export { WATCHED, type WatchedKind } from './kinds';
export { objectPath } from './paths';
export { Reflector, type Collection } from './reflector';
export { KubernetesSource, type KubernetesSourceOptions, type Observed } from './source';
