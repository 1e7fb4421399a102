import { rmSync } from 'node:fs';

/** Removes the scratch folder with everything in it. */
export default function tearDown(): void {
  const scratch = process.env.MESHWRIGHT_TEST_SCRATCH;
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
}
