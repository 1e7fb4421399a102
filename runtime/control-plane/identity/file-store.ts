import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../clock';
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

/** The authority in a file that only its owner may read, as on a laptop. Read once: whoever changes it starts the control plane again. */
export class FileAuthorityStore implements AuthorityStore {
  readonly name: string;
  private readonly loaded: LoadedAuthority;
  private starting: Promise<void> = Promise.resolve();

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
    this.starting = this.read().then(async (data) => this.loaded.take(data)).catch((error: Error) => this.loaded.refuse(error.message));
  }

  /** Resolves when it is in force, or its problem is known. */
  async started(): Promise<void> {
    await this.starting;
  }

  async close(): Promise<void> {
    await this.starting;
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
