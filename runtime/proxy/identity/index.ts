export { requestInProcess } from './request-in-process';
export type { CertificateRequest, Svid } from './types';
export { SVID, WorkloadIdentity } from './workload-identity';
export type { IdentityConfig } from './workload-identity';
