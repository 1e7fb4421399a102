import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

/** The image of a service of an example: its program, as `meshwright up` runs it. */
export interface ExampleImage {
  /** As the example's manifests name it. */
  readonly reference: string;
  /** Path of the bundled program. */
  readonly program: string;
  readonly args: readonly string[];
}

/** The part of a Deployment, or of any other object, that is read here. */
interface Workload {
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: ReadonlyArray<{ readonly image: string }> } } };
}

interface Settings {
  readonly images: Readonly<Record<string, { readonly command: readonly string[] }>>;
}

/**
 * Every image that the examples' manifests name and that a program of the repository stands behind: `meshwright.local.yaml` says which, by the whole
 * reference or by the repository alone.
 */
export function exampleImages(root: string): ExampleImage[] {
  return readdirSync(join(root, 'examples')).flatMap((example) => {
    const settings = join(root, 'examples', example, 'meshwright.local.yaml');
    if (!existsSync(settings)) return [];
    const { images } = parse(readFileSync(settings, 'utf8')) as Settings;
    const manifests = readFileSync(join(root, 'test', 'testdata', 'examples', `${example}.yaml`), 'utf8');
    return imagesOf(manifests).flatMap((reference) => {
      const command = (images[reference] ?? images[reference.split(':')[0]])?.command;
      if (command === undefined) return [];
      const [, program, ...args] = command;
      return [{ reference, program: join(root, 'build', 'examples', example, 'services', basename(program)), args }];
    });
  });
}

function imagesOf(manifests: string): string[] {
  const images = new Set<string>();
  for (const document of parseAllDocuments(manifests)) {
    const object = document.toJS() as Workload | null;
    for (const { image } of object?.spec?.template?.spec?.containers ?? []) images.add(image);
  }
  return [...images].sort();
}
