export * from './bootstrap';
export * from './inject';
export * from './interception';
export * from './sidecar';
export * from './types';
