import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { watch } from 'chokidar';
import type { Clock, Timer } from '../clock';
import { isManifest, readManifests, type ManifestFile } from './manifests';
import type { KubeObject, Problem } from './types';

/** Milliseconds without a change after which a folder is read again: a program that writes many files is done by then. */
const QUIET = 150;

/** The manifests of a folder and of the folders in it. */
export function readFolder(folder: string): ManifestFile[] {
  const files: ManifestFile[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).split(sep).join('/');
    if (entry.isFile() && isManifest(name) && !name.split('/').some((part) => part.startsWith('.'))) files.push({ name, text: readFileSync(path, 'utf8') });
  }
  return files;
}

/** Remembers the last good text of each file, so that a mistake in one changes nothing of what runs. */
export class ManifestMemory {
  private good = new Map<string, ManifestFile>();

  accept(files: readonly ManifestFile[]): { readonly objects: readonly KubeObject[]; readonly problems: readonly Problem[] } {
    const problems: Problem[] = [];
    const next = new Map<string, ManifestFile>();
    const use = files.map((file) => {
      const found = readManifests([file]).problems;
      const before = this.good.get(file.name);
      const keep = found.length > 0 && before ? before : file;
      if (found.length === 0 || before) next.set(file.name, keep);
      if (keep !== file) problems.push(...found.map((problem) => ({ ...problem, message: `${problem.message} (the version before stays)` })));
      return keep;
    });
    this.good = next;
    const { objects, problems: rest } = readManifests(use);
    return { objects, problems: [...problems, ...rest] };
  }
}

/** Calls `changed` once a folder has been quiet for a moment after a change. Resolves when it watches. */
export async function watchFolder(folder: string, clock: Clock, changed: () => void): Promise<{ close(): Promise<void> }> {
  const watcher = watch(folder, { ignoreInitial: true });
  let timer: Timer | undefined;
  watcher.on('all', () => {
    timer?.cancel();
    timer = clock.setTimer(QUIET, changed);
  });
  watcher.on('error', () => {});
  await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
  return {
    close: async () => {
      timer?.cancel();
      await watcher.close();
    },
  };
}

/** A folder that holds exactly the files it was told last. Each file changes at once, never by halves. */
export class OutputFolder {
  private written = new Map<string, string>();

  constructor(private readonly folder: string) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }

  replace(files: ReadonlyMap<string, string>): void {
    for (const [name, text] of files) {
      if (this.written.get(name) === text) continue;
      // A name that starts with a dot is no manifest to whoever watches.
      const draft = join(this.folder, `.${name}`);
      writeFileSync(draft, text);
      renameSync(draft, join(this.folder, name));
    }
    for (const name of this.written.keys()) if (!files.has(name)) rmSync(join(this.folder, name), { force: true });
    this.written = new Map(files);
  }
}
