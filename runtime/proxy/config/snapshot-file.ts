import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../clock';
import { AnySchema, create } from '../../xds';
import { DISCOVERED, type ConfigStore, type DiscoveredType, type RawResource, type ResourceUpdate } from './store';

/** Changes within this many milliseconds are written once. */
const DEBOUNCE = 1_000;
const FORMAT = 1;

interface Document {
  readonly format: number;
  /** Whose configuration it is; nobody else starts from it. */
  readonly node: string;
  readonly savedAt: string;
  /** SHA-256 of `resources` as JSON. */
  readonly sha256: string;
  readonly resources: readonly Saved[];
}

interface Saved {
  readonly type: DiscoveredType;
  readonly name: string;
  readonly version: string;
  /** The resource in binary, base64. */
  readonly value: string;
}

/** What a snapshot file held, or why it is of no use. */
export type LoadedSnapshot =
  | { readonly updates: readonly ResourceUpdate[]; readonly savedAt: string; readonly problem?: undefined }
  | { readonly updates?: undefined; readonly problem: string };

/**
 * The last good configuration of the control plane on disk, so that a proxy that starts while the control plane is away serves what it served
 * before. The file has mode 0600 and is replaced by a rename, never written in place.
 */
export class SnapshotFile {
  private timer: Timer | undefined;

  /** @param failed told when the file cannot be written; the proxy goes on without it. */
  constructor(
    private readonly path: string,
    private readonly node: string,
    private readonly store: ConfigStore,
    private readonly clock: Clock,
    private readonly failed: (error: Error) => void,
  ) {}

  /** Undefined where there is no file. */
  load(): LoadedSnapshot | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { problem: (error as Error).message };
    }
    try {
      const document = JSON.parse(text) as Document;
      if (document.format !== FORMAT) return { problem: `format ${document.format} is not ${FORMAT}` };
      if (document.node !== this.node) return { problem: `it is the configuration of node ${JSON.stringify(document.node)}` };
      if (digest(document.resources) !== document.sha256) return { problem: 'its checksum is wrong: it was not written to the end, or changed' };
      return { savedAt: document.savedAt, updates: DISCOVERED.map((type) => ({ type, removed: [], resources: raw(document.resources, type) })) };
    } catch (error) {
      return { problem: (error as Error).message };
    }
  }

  /** The configuration has changed: it is written soon. */
  changed(): void {
    this.timer ??= this.clock.setTimer(DEBOUNCE, () => this.flush());
  }

  /** Writes what waits to be written. */
  flush(): void {
    if (!this.timer) return;
    this.timer.cancel();
    this.timer = undefined;
    const resources = DISCOVERED.flatMap((type) => this.store.resources(type).map(({ name, version, resource }): Saved => (
      { type, name, version, value: Buffer.from(resource.value).toString('base64') })));
    const document: Document = {
      format: FORMAT, node: this.node, savedAt: new Date(this.clock.wallTime()).toISOString(), sha256: digest(resources), resources,
    };
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      writeFileSync(temporary, JSON.stringify(document), { mode: 0o600, flush: true });
      // The mode above is only of a file that was not there.
      chmodSync(temporary, 0o600);
      renameSync(temporary, this.path);
    } catch (error) {
      removeIfThere(temporary);
      this.failed(error as Error);
    }
  }

  close(): void {
    this.flush();
  }
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Its folder is what is wrong, and that is reported already.
  }
}

function raw(resources: readonly Saved[], type: DiscoveredType): RawResource[] {
  return resources.filter((saved) => saved.type === type).map(({ name, version, value }) => (
    { name, version, resource: create(AnySchema, { typeUrl: type, value: new Uint8Array(Buffer.from(value, 'base64')) }) }));
}

function digest(resources: readonly Saved[]): string {
  // Not imported: most proxies keep no snapshot, and loading it takes a megabyte.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(resources)).digest('hex');
}
