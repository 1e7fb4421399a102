import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One scratch folder for the whole run: cdk8s makes an output folder for each `Testing.app()`, and never removes one. */
export default function setUp(): void {
  process.env.TMPDIR = process.env.MESHWRIGHT_TEST_SCRATCH = mkdtempSync(join(tmpdir(), 'meshwright-test-'));
}
