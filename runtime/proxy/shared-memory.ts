/** Memory that all workers of a pod see, by name; it begins as zeros, and lasts as long as any worker uses it. */
export interface SharedMemory {
  /** The same memory for the same name in every worker. Not for the path of a request: the first call of a name waits for the main thread. */
  get(name: string, bytes: number): SharedArrayBuffer;
}
