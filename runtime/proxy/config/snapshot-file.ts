import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Clock, Timer } from '../../clock';
import { AnySchema, create } from '../../xds';
import { holdsPrivateKey } from './private-parts';
import { DISCOVERED, type ConfigStore, type DiscoveredType, type RawResource, type ResourceUpdate } from './store';

// Not `fs.promises`, which brings directories, watchers and a prompt: a megabyte of every proxy.
const mkdir = promisify(fs.mkdir), open = promisify(fs.open), chmod = promisify(fs.fchmod), write = promisify(fs.writeFile);
const sync = promisify(fs.fsync), close = promisify(fs.close), rename = promisify(fs.rename), rm = promisify(fs.rm);

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
 * before. The file has mode 0600 and is replaced by a rename, never written in place. No private key or ticket key is ever in it: what has one is left
 * out, so a proxy that starts so waits for these from the control plane.
 */
export class SnapshotFile {
  private timer: Timer | undefined;
  private stale = false;
  private writing: Promise<void> | undefined;
  private closed = false;

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
      text = fs.readFileSync(this.path, 'utf8');
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
    if (this.closed) return;
    this.timer ??= this.clock.setTimer(DEBOUNCE, () => {
      this.timer = undefined;
      this.stale = true;
      void this.written();
    });
  }

  /** Resolves when what has been asked for so far is on disk, or could not be written. */
  async written(): Promise<void> {
    this.writing ??= this.writeWhileStale();
    return this.writing;
  }

  /** Writes what waits to be written; resolves when it is. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) {
      this.timer.cancel();
      this.timer = undefined;
      this.stale = true;
    }
    await this.written();
  }

  /** One writer: changes that come while it is busy are written once, as they are then. */
  private async writeWhileStale(): Promise<void> {
    // Not at once: `writing` is set first.
    await undefined;
    while (this.stale) {
      this.stale = false;
      await this.write(this.text());
    }
    this.writing = undefined;
  }

  private text(): string {
    const resources = DISCOVERED.flatMap((type) => this.store.resources(type).filter(mayBeSaved).map(({ name, version, resource }): Saved => (
      { type, name, version, value: Buffer.from(resource.value).toString('base64') })));
    const document: Document = {
      format: FORMAT, node: this.node, savedAt: new Date(this.clock.wallTime()).toISOString(), sha256: digest(resources), resources,
    };
    return JSON.stringify(document);
  }

  /** By the system's threads: a disk that is slow to sync does not hold up requests. */
  private async write(text: string): Promise<void> {
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      await mkdir(dirname(this.path), { recursive: true });
      const file = await open(temporary, 'w', 0o600);
      try {
        // The mode above is only of a file that was not there.
        await chmod(file, 0o600);
        await write(file, text);
        await sync(file);
      } finally {
        await close(file);
      }
      await rename(temporary, this.path);
    } catch (error) {
      // Where even that fails its folder is what is wrong, and that is reported already.
      await rm(temporary, { force: true }).catch(() => undefined);
      this.failed(error as Error);
    }
  }
}

function mayBeSaved({ resource }: RawResource): boolean {
  return !holdsPrivateKey(resource);
}

function raw(resources: readonly Saved[], type: DiscoveredType): RawResource[] {
  return resources.filter((saved) => saved.type === type).map(({ name, version, value }) => (
    { name, version, resource: create(AnySchema, { typeUrl: type, value: new Uint8Array(Buffer.from(value, 'base64')) }) }));
}

function digest(resources: readonly Saved[]): string {
  // Not imported: most proxies keep no snapshot, and loading it takes a megabyte.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(resources)).digest('hex');
}
