export * from './types';
export { compareIds, readResources, ResourceStore } from './store';
export { CONSUL_SLICE_LABEL, SERVICE_NAME_LABEL } from './schema/core';
export type { EndpointSlice, KubernetesService } from './schema/core';
export type * from './schema/grpc-route';
export type * from './schema/http-route';
export type { BackendRef, HeaderFilter, HeaderMatch, ParentRef, RequestMirror } from './schema/route';
