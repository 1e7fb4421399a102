export * from './agent';
export * from './bootstrap';
export * from './inject';
export * from './interception';
export * from './probes';
export * from './sidecar';
export * from './termination';
export * from './types';
