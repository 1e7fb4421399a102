export { debugConfig } from './debug-config';
export { metricsText } from './metrics';
export { AdminServer } from './server';
