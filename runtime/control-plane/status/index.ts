export type { ObjectName } from './causes';
export { StatusFile } from './file';
export { KubernetesStatus } from './kubernetes';
export { progress, together, type Progress, type SharedProgress } from './progress';
export type { SharedStatus } from './shared';
export { statusReport, type Condition, type ObjectStatus, type ProxyStatus, type StatusReport } from './status';
