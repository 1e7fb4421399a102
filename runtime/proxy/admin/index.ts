export { OperatorServer, type OperatorSettings } from './http';
export { adminRoutes, healthRoutes, type Operated, type ServerState } from './routes';
export type { Routes } from './types';
