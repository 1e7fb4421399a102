export { JwtFilter } from './filter';
export { KeyStore } from './key-store';
export { RemoteKeys, type Fetch, type FetchResult, type FetchUnderWay } from './remote-keys';
