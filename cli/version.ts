import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** From lib/cli, where the bundled command line is. */
export function version(): number {
  const { version: text } = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string };
  process.stdout.write(`${text}\n`);
  return 0;
}
