import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { watch } from 'chokidar';
import type { Clock, Timer } from '../../clock';
import type { Documents } from '../resources';
import { FolderReader, isManifest } from './folder-reader';
import type { Source } from './types';

/** Tells of paths under a folder that may have changed; `ready` when it is sure to miss nothing from now on. */
export type WatchFolder = (folder: string, onChange: (path: string) => void, onError: (error: Error) => void) => {
  readonly ready: Promise<void>;
  close(): Promise<void>;
};

export interface FolderSourceOptions {
  readonly clock: Clock;
  /** Quiet time in milliseconds after the last change before files are read: several files of one change become one. 100 by default. */
  readonly debounce?: number;
  /** Longest time in milliseconds that changes which do not end are collected. 1000 by default. */
  readonly longestDebounce?: number;
  /** Time in milliseconds that an empty file may take to be filled. 2000 by default. */
  readonly patience?: number;
  /** For tests; the file system's own notifications by default. */
  readonly watch?: WatchFolder;
  /** Told of every notification, before it is acted on. */
  readonly onChange?: (path: string) => void;
  /** Told of what goes wrong with the watching itself. */
  readonly onError?: (error: Error) => void;
}

/** A folder of manifests, with its subfolders. A change is one new set of everything. */
export class FolderSource implements Source {
  readonly name: string;
  private readonly folder: string;
  private readonly reader: FolderReader;
  private readonly listeners = new Set<(documents: Documents) => void>();
  private readonly dirty = new Set<string>();
  private dirtySince = 0;
  private readonly doubtful = new Set<string>();
  private watcher: ReturnType<WatchFolder> | undefined;
  private timer: Timer | undefined;
  private patienceTimer: Timer | undefined;
  private reading: Promise<void> = Promise.resolve();
  private current: Documents | undefined;
  private closed = false;

  constructor(folder: string, private readonly options: FolderSourceOptions) {
    this.folder = resolve(folder);
    this.name = `folder:${this.folder}`;
    this.reader = new FolderReader(this.folder);
  }

  subscribe(listener: (documents: Documents) => void): () => void {
    this.listeners.add(listener);
    if (this.current) listener(this.current);
    return () => this.listeners.delete(listener);
  }

  async start(): Promise<void> {
    const found = await stat(this.folder).catch(() => undefined);
    if (!found?.isDirectory()) throw new Error(`${this.folder} is not a folder; --source folder:DIR names one with manifests`);
    // Watching begins before the first reading, so that no change falls between the two.
    this.watcher = (this.options.watch ?? watchFolder)(this.folder, (path) => this.changed(path), (error) => this.options.onError?.(error));
    // What changes meanwhile is read after it: before the first reading has ended nobody may see a part of the folder.
    this.reading = this.watcher.ready.then(async () => this.reader.readAll()).then(() => this.publish());
    await this.reading;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    this.patienceTimer?.cancel();
    this.listeners.clear();
    await this.watcher?.close();
    await this.reading;
  }

  private changed(path: string): void {
    if (this.closed || !isManifest(path.slice(this.folder.length))) return;
    const { clock, debounce = 100, longestDebounce = 1000 } = this.options;
    if (this.dirty.size === 0) this.dirtySince = clock.now();
    this.dirty.add(path);
    this.options.onChange?.(path);
    this.timer?.cancel();
    this.timer = clock.setTimer(Math.min(debounce, this.dirtySince + longestDebounce - clock.now()), () => this.read());
  }

  /** Reads what changed; one reading after the other. */
  private read(): void {
    const paths = [...this.dirty];
    this.dirty.clear();
    this.reading = this.reading.then(async () => {
      await Promise.all(paths.map(async (path) => {
        if (await this.reader.read(path)) this.doubtful.add(path);
        else this.doubtful.delete(path);
      }));
      if (this.closed) return;
      this.publish();
      if (this.doubtful.size > 0) this.waitForContents();
    });
  }

  /** An empty file that nobody fills is meant to be empty. */
  private waitForContents(): void {
    this.patienceTimer?.cancel();
    this.patienceTimer = this.options.clock.setTimer(this.options.patience ?? 2000, () => {
      const paths = [...this.doubtful];
      this.doubtful.clear();
      this.reading = this.reading.then(async () => {
        await Promise.all(paths.map(async (path) => this.reader.read(path, true)));
        if (!this.closed) this.publish();
      });
    });
  }

  private publish(): void {
    this.current = this.reader.documents();
    for (const listener of this.listeners) listener(this.current);
  }
}

/** The file system's own notifications. */
const watchFolder: WatchFolder = (folder, onChange, onError) => {
  const watcher = watch(folder, {
    ignoreInitial: true,
    // Hidden files and folders under the folder, which may itself lie in one.
    ignored: (path) => path.slice(folder.length).split(/[\\/]/).some((part) => part.startsWith('.')),
  });
  watcher.on('all', (_event, path) => onChange(path));
  watcher.on('error', (error) => onError(error as Error));
  return {
    ready: new Promise((done) => watcher.once('ready', () => done())),
    close: async () => watcher.close(),
  };
};
