/** The control plane as a library: for tests, the local mesh and the behaviour harness. */
export { readResources } from './resources';
export type { Documents, RawDocument, ResourceSet } from './resources';
export { FolderSource, parseManifests, readFolder } from './source';
export type { Source } from './source';
export { translate } from './translate';
export type { NodeDescription } from './translate';
export type { XdsResources } from './xds';
