export { Backoff } from './backoff';
export { LEASE_SECONDS, LeaderElection, leasePath, microTime, RENEW_DEADLINE, RETRY, type Lease, type LeaderElectionDeps } from './lease';
export { HttpKubernetesApi, type Credentials, type HttpApiOptions } from './http';
export { ApiError, type ApiList, type ApiMetadata, type ApiObject, type ApiRequest, type KubernetesApi, type WatchEvent, type WatchHandlers } from './types';
