import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** A file, link or folder of a layer or an archive. */
export interface Entry {
  /** Without a leading slash; a folder ends with one. */
  readonly path: string;
  readonly content?: Buffer;
  /** Target of a symbolic link. */
  readonly link?: string;
  /** @default 0644 of a file, 0755 of a folder */
  readonly mode?: number;
}

/** The same entries give the same bytes: sorted, owned by root, all of the time `epoch` (SOURCE_DATE_EPOCH, seconds). */
export async function tar(entries: readonly Entry[], epoch: number): Promise<Buffer> {
  const archive = pack();
  for (const { path, content, link, mode } of withFolders(entries)) {
    const header = { name: path, mtime: new Date(epoch * 1000), uid: 0, gid: 0, uname: '', gname: '' };
    if (path.endsWith('/')) archive.entry({ ...header, type: 'directory', mode: mode ?? 0o755 });
    else if (link !== undefined) archive.entry({ ...header, type: 'symlink', linkname: link, mode: 0o777 });
    else archive.entry({ ...header, mode: mode ?? 0o644 }, content ?? Buffer.alloc(0));
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Every folder above an entry stands before it: some runtimes make missing ones writable for all. */
function withFolders(entries: readonly Entry[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const entry of entries) {
    if (byPath.has(entry.path)) throw new Error(`two entries of an archive are named ${entry.path}`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    const parts = path.replace(/\/$/, '').split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = `${parts.slice(0, depth).join('/')}/`;
      if (!byPath.has(folder)) byPath.set(folder, { path: folder });
    }
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function gzip(bytes: Buffer): Buffer {
  const zipped = gzipSync(bytes, { level: 9 });
  // The byte that names the operating system of whoever compressed (RFC 1952 §2.3.1): unknown, on every machine.
  zipped[9] = 255;
  return zipped;
}

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
