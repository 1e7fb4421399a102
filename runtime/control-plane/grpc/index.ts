export { GrpcCall, type CallHandlers } from './call';
export { Status } from './protocol';
export { GrpcServer, type ServingMaterial, type ServingSource } from './server';
