import type { Documents } from '../resources';

/** Where manifests come from: a folder, a Kubernetes API. */
export interface Source {
  /** For people: `folder:/etc/mesh`. */
  readonly name: string;
  /**
   * Calls `listener` with everything that the source has, once it has all of it, and again after every change. Never with a part: whoever answers
   * a proxy from half of a mesh takes the other half away from it.
   * @returns ends the calls.
   */
  subscribe(listener: (documents: Documents) => void): () => void;
  /** What has to come before everything is read, for people; undefined once it is. */
  waitingFor?(): string | undefined;
  /** Running pods of each service of the mesh, by its key; undefined where the source does not know pods. */
  pods?(): ReadonlyMap<string, number> | undefined;
  /** Begins. Rejects where the source cannot work at all: no such folder. */
  start(): Promise<void>;
  close(): Promise<void>;
}
