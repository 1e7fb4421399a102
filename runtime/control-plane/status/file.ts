import { rename, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { StatusReport } from './status';

/** Keeps the last report in a file, YAML or JSON by its name. Readers see the old or the new one, never a part. */
export class StatusFile {
  private writing: Promise<void> = Promise.resolve();
  private next: StatusReport | undefined;
  private written = '';

  constructor(private readonly path: string, private readonly onError: (error: Error) => void) {}

  /** Reports that come while one is being written replace each other. */
  write(report: StatusReport): void {
    const idle = this.next === undefined;
    this.next = report;
    if (idle) this.writing = this.writing.then(async () => this.flush());
  }

  /** Resolves once everything is written. */
  async close(): Promise<void> {
    await this.writing;
  }

  private async flush(): Promise<void> {
    const report = this.next;
    this.next = undefined;
    const text = this.path.endsWith('.json') ? `${JSON.stringify(report, null, 2)}\n` : stringify(report, { lineWidth: 0, aliasDuplicateObjects: false });
    if (text === this.written) return;
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, text);
      await rename(temporary, this.path);
      this.written = text;
    } catch (error) {
      this.onError(error as Error);
    }
  }
}
