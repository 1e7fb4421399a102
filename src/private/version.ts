import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Version of this package: the tag of the images that it asks for. */
export const PACKAGE_VERSION = (JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string }).version;
