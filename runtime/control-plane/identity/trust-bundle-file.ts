import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../log';

/** Writes the trust bundle to a file, for proxies on the same machine. */
export class TrustBundleFile {
  private written: string | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly file: string, private readonly log: Log) {}

  update(_namespaces: readonly string[], bundle: string): void {
    if (bundle === this.written) return;
    this.written = bundle;
    this.writing = this.writing.then(async () => this.write(bundle)).catch((error: Error) => {
      this.log.error('identity', 'the trust bundle cannot be written', { file: this.file, reason: error.message });
    });
  }

  async close(): Promise<void> {
    await this.writing;
  }

  private async write(bundle: string): Promise<void> {
    const draft = `${this.file}.${process.pid}.new`;
    await mkdir(dirname(this.file), { recursive: true });
    await writeFile(draft, bundle);
    await rename(draft, this.file);
  }
}
