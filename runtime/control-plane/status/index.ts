export { StatusFile } from './file';
export { statusReport, type Condition, type ObjectStatus, type ProxyStatus, type StatusReport } from './status';
