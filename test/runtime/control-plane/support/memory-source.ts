import type { Documents, Source } from '../../../../runtime/control-plane';
import { documentsOf, type Manifest } from './documents';

/** A source that tells what the test puts into it. */
export class MemorySource implements Source {
  readonly name = 'memory';
  private readonly listeners = new Set<(documents: Documents) => void>();

  constructor(private manifests: readonly Manifest[] | undefined = undefined) {}

  subscribe(listener: (documents: Documents) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async start(): Promise<void> {
    if (this.manifests) this.put(this.manifests);
  }

  put(manifests: readonly Manifest[]): void {
    this.manifests = manifests;
    for (const listener of this.listeners) listener(documentsOf(manifests));
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }
}
