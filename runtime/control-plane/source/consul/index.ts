export { ConsulSource, type ConsulSourceOptions } from './source';
