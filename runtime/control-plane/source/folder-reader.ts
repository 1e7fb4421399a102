import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Documents, RawDocument, Unreadable } from '../resources';
import { parseManifests } from './parse';

/** Whether a path under the folder is a manifest. Names with a dot in front are none: editors and Kubernetes' volumes keep their own files there. */
export function isManifest(path: string): boolean {
  return /\.(ya?ml|json)$/i.test(path) && !path.split(/[\\/]/).some((part) => part.startsWith('.') && part !== '.' && part !== '..');
}

interface FileState {
  readonly documents: readonly RawDocument[];
  readonly problem: Unreadable | undefined;
}

/**
 * The manifests of a folder, by file. A file that is being written never looks like one that was emptied: with a syntax error in it, or without
 * a byte, it counts as it last was.
 */
export class FolderReader {
  private readonly files = new Map<string, FileState>();

  constructor(private readonly folder: string) {}

  /** Reads all files. */
  async readAll(): Promise<void> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    await Promise.all(paths.filter((path) => isManifest(relative(this.folder, path))).map(async (path) => this.read(path)));
  }

  /**
   * Reads one file again. One that is gone has no documents.
   * @param trustEmpty take an empty file for what it is.
   * @returns whether the file is empty and counts as it last was.
   */
  async read(path: string, trustEmpty = false): Promise<boolean> {
    const name = this.nameOf(path);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      this.failed(name, error as NodeJS.ErrnoException);
      return false;
    }
    const before = this.files.get(name);
    if (text === '' && !trustEmpty && before !== undefined && before.documents.length > 0) return true;
    const parsed = parseManifests(text, name);
    if (parsed.kind === 'documents') this.files.set(name, { documents: parsed.documents, problem: undefined });
    else this.keep(name, `${name}:${parsed.line}`, parsed.message);
    return false;
  }

  /** Everything, in the order of file names. */
  documents(): Documents {
    const files = [...this.files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, state]) => state);
    return { documents: files.flatMap(({ documents }) => documents), unreadable: files.flatMap(({ problem }) => problem ?? []) };
  }

  /** Names of the files that are read, as paths. */
  paths(): string[] {
    return [...this.files.keys()].map((name) => join(this.folder, name));
  }

  private failed(name: string, error: NodeJS.ErrnoException): void {
    if (error.code === 'ENOENT' || error.code === 'EISDIR') this.files.delete(name);
    else this.keep(name, name, `cannot be read (${error.code ?? error.message}); see to its permissions`);
  }

  private keep(name: string, location: string, message: string): void {
    const documents = this.files.get(name)?.documents ?? [];
    const kept = documents.length > 0 ? '; its last valid version stays in force' : '';
    this.files.set(name, { documents, problem: { location, message: `${message}${kept}` } });
  }

  private nameOf(path: string): string {
    return relative(this.folder, path).split(sep).join('/');
  }
}

/** All manifests of a folder, read once. */
export async function readFolder(folder: string): Promise<Documents> {
  const reader = new FolderReader(folder);
  await reader.readAll();
  return reader.documents();
}
