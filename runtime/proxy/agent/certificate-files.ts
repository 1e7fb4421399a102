import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A certificate with its key, and whom it is to be believed by. PEM. */
export interface CertificateFilesContent {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly trustBundle: string;
}

const CURRENT = '..data';
const NAMES = { certificateChain: 'svid.pem', privateKey: 'svid.key', trustBundle: 'ca.pem' } as const;

/**
 * Files that are replaced together, as the kubelet replaces those of a Secret: each is a link into a folder that is exchanged in one step, so that
 * nobody reads a new key beside an old certificate. Whoever watches a folder (Envoy's `watched_directory`) sees that step.
 */
export class CertificateFiles {
  private generation = 0;

  constructor(private readonly folder: string) {}

  async write(content: CertificateFilesContent): Promise<void> {
    const before = await readlink(join(this.folder, CURRENT)).catch(() => undefined);
    let name: string;
    // One of an agent that ended is not taken up again.
    do name = `..${this.generation++}`; while (name === before);
    const next = join(this.folder, name);
    await rm(next, { recursive: true, force: true });
    await mkdir(next, { recursive: true });
    // The application runs as another user; the volume is that of its pod alone.
    for (const [member, file] of Object.entries(NAMES)) await writeFile(join(next, file), content[member as keyof typeof NAMES], { mode: 0o444 });
    await this.point(CURRENT, name);
    for (const file of Object.values(NAMES)) await this.point(file, `${CURRENT}/${file}`);
    for (const old of await readdir(this.folder)) {
      if (/^\.\.\d+$/.test(old) && old !== name) await rm(join(this.folder, old), { recursive: true, force: true });
    }
  }

  private async point(link: string, target: string): Promise<void> {
    const path = join(this.folder, link);
    if (await readlink(path).catch(() => undefined) === target) return;
    const draft = join(this.folder, '..draft');
    await rm(draft, { force: true });
    await symlink(target, draft);
    await rename(draft, path);
  }
}
