/** The control plane as a library: for tests, the local mesh and the behaviour harness. */
export { ControlPlane, startControlPlane } from './control-plane';
export type { ControlPlaneOptions, ListenAddress } from './control-plane';
export { createLog } from './log';
export type { Log } from './log';
export type { MeshModel } from './model';
export { issuersToAsk, resolve } from './resolve';
export { readResources } from './resources';
export type { Documents, RawDocument, ResourceSet } from './resources';
export { CombinedSource, FolderSource, parseManifests, readFolder } from './source';
export type { Source } from './source';
export type { StatusReport } from './status';
export { proxyNode, translate } from './translate';
export type { NodeDescription } from './translate';
export { xdsResources } from './xds';
export type { XdsResources } from './xds';
