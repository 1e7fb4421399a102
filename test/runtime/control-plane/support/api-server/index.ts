export { FakeApiServer, type Recorded, type Trouble } from './server';
export type { Grant, Rule } from './rbac';
export type { StoredObject } from './objects';
