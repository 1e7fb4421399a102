export { CombinedSource } from './combined';
export { FolderSource, type FolderSourceOptions, type WatchFolder } from './folder';
export { readFolder } from './folder-reader';
export { parseManifests, type Parsed } from './parse';
export type { Source } from './types';
