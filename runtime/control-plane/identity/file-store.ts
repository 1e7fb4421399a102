import { watch, type FSWatcher } from 'node:fs';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock, Timer } from '../../clock';
import type { Log } from '../log';
import { createRoot } from './authority-material';
import { AUTHORITY_KEYS, writeAuthority, type AuthorityData } from './authority-secret';
import type { AuthorityStore } from './authority-store';
import type { CertificateAuthority } from './certificate-authority';
import { LoadedAuthority } from './loaded-authority';

export interface FileStoreDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** A JSON file of the data that a Secret would have. */
  readonly file: string;
  /** Trust domain of the authority that is made where there is no such file. */
  readonly create: string;
}

/** Milliseconds after a change before the file is read: whoever replaces it makes several. */
const DEBOUNCE = 50;

/** The authority in a file that only its owner may read, as on a laptop; read again whenever it is replaced. */
export class FileAuthorityStore implements AuthorityStore {
  readonly name: string;
  private readonly loaded: LoadedAuthority;
  private starting: Promise<void> = Promise.resolve();
  private watcher: FSWatcher | undefined;
  private timer: Timer | undefined;
  private closed = false;

  constructor(private readonly deps: FileStoreDeps) {
    this.name = deps.file;
    this.loaded = new LoadedAuthority(this.name, deps.clock, deps.log);
  }

  get current(): CertificateAuthority | undefined { return this.loaded.current; }
  get problem(): string | undefined { return this.loaded.problem; }

  subscribe(changed: (authority: CertificateAuthority) => void): void {
    this.loaded.subscribe(changed);
  }

  start(): void {
    this.starting = this.take().then(() => this.watch());
  }

  private async take(): Promise<void> {
    return this.read().then(async (data) => this.loaded.take(data)).catch((error: Error) => this.loaded.refuse(error.message));
  }

  /** The folder, as a file that is replaced by another is watched no more. */
  private watch(): void {
    const { clock, file, log } = this.deps;
    const failed = (error: Error): void => log.error('identity', 'the authority is not watched', { file, reason: error.message });
    if (this.closed) return;
    try {
      this.watcher = watch(dirname(file), (_, name) => {
        if (name !== basename(file)) return;
        this.timer?.cancel();
        this.timer = clock.setTimer(DEBOUNCE, () => { this.starting = this.starting.then(async () => this.take()); });
      }).on('error', failed);
    } catch (error) {
      failed(error as Error);
    }
  }

  /** Resolves when it is in force, or its problem is known. */
  async started(): Promise<void> {
    await this.starting;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.starting;
    this.watcher?.close();
  }

  private async read(): Promise<AuthorityData> {
    const { file } = this.deps;
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return this.make();
    }
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch {
      // The parser's words quote what they find.
      throw new Error(`${file} is no JSON`);
    }
    const known = new Set<string>(Object.values(AUTHORITY_KEYS));
    return Object.fromEntries(Object.entries(data as Record<string, string>).filter(([key]) => known.has(key)));
  }

  private async make(): Promise<AuthorityData> {
    const { clock, create, file } = this.deps;
    const data = writeAuthority({ material: await createRoot(create, clock.wallTime()), next: undefined, replaced: undefined });
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const draft = `${file}.${process.pid}.new`;
    await writeFile(draft, JSON.stringify(data), { mode: 0o600 });
    try {
      // Fails where there is one: of several replicas the first has made it for all.
      await link(draft, file);
      return data;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return JSON.parse(await readFile(file, 'utf8')) as AuthorityData;
    } finally {
      await unlink(draft);
    }
  }
}
