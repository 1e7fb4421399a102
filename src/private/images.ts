import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_VERSION } from './version';

/** The image of a plane in the version of this package, by digest where its images were made with it: what runs is then what was tested. */
export function imageOf(plane: 'proxy' | 'control-plane', digests: Readonly<Record<string, string>> = packagedDigests()): string {
  const reference = `meshwright/${plane}:${PACKAGE_VERSION}`;
  const digest = digests[plane];
  return digest === undefined ? reference : `${reference}@${digest}`;
}

/** `images.json` is put into the package when the images are made for its release; a checkout has none, so that its manifests do not change with every build. */
function packagedDigests(): Record<string, string> {
  try {
    return JSON.parse(readFileSync(join(__dirname, '..', 'images.json'), 'utf8')) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
