export { requestInProcess } from './request-in-process';
export type { CertificateRequest, Svid } from './types';
export { SVID, TRUST_BUNDLE, WorkloadIdentity } from './workload-identity';
export type { IdentityConfig } from './workload-identity';
