export { OperatorServer } from './http';
export { adminRoutes, healthRoutes, type Operated, type ServerState } from './routes';
