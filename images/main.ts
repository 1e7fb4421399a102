/**
 * Makes the images of the planes: OCI archives in dist/images, from scratch, without a daemon. The same sources, Node and Debian packages give the same
 * bytes. Their digests go to lib/images.json (and build/, for the examples), from where the SDK pins what it emits.
 *
 *   npm run images
 *   npm run images -- --out FOLDER
 *   npm run images -- --examples      those of the examples' services too
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Entry } from './archive';
import { billOfMaterials, installedPackages } from './bill-of-materials';
import { exampleImages } from './examples';
import { ociImage, packLayer, type Image, type ImageContent } from './oci-image';
import { bundledPackages, PLANES, type Plane } from './planes';
import { programLayer, runtimeLayer, type RuntimeLayer, type SystemPackage } from './rootfs';

/** The Node of the images: the newest of a line with long-term support. */
const NODE_VERSION = '24.21.0';
const ARCHITECTURES: Readonly<Record<string, 'amd64' | 'arm64'>> = { x64: 'amd64', arm64: 'arm64' };
const root = resolve(__dirname, '..');

function program(plane: Plane): Entry[] {
  return plane.bundles.flatMap((bundle) => [`${bundle}.js`, `${bundle}.js.LEGAL.txt`])
    .filter((file) => existsSync(join(root, 'lib', 'runtime', file)))
    .map((file) => ({ path: `app/${file}`, content: readFileSync(join(root, 'lib', 'runtime', file)) }));
}

/** What a plane needs of this system and of npm beside its bundles. */
function extras({ system, addOn }: Plane, runtime: RuntimeLayer): RuntimeLayer {
  const own = system === undefined ? { entries: [], packages: [] } : programLayer(system, runtime);
  if (!addOn) return own;
  const content = readFileSync(join(root, 'node_modules', addOn.from(arch()), addOn.name));
  return { ...own, entries: [...own.entries, { path: `app/${addOn.name}`, content }] };
}

function merged(...lists: readonly (readonly SystemPackage[])[]): SystemPackage[] {
  return [...new Map(lists.flat().map((one) => [one.name, one])).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string', default: join('dist', 'images') }, examples: { type: 'boolean', default: false } } });
  const out = resolve(root, values.out);
  const architecture = ARCHITECTURES[arch()];
  if (architecture === undefined) throw new Error(`images are made for amd64 and arm64, and this machine is ${arch()}`);
  const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? 0);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const node = execFileSync(process.execPath, [join(root, 'scripts', 'peer.mjs'), 'node', NODE_VERSION], { encoding: 'utf8' }).trim();
  const runtime = runtimeLayer(node);
  const base = await packLayer(`Node ${NODE_VERSION} and its libraries`, runtime.entries, epoch);
  mkdirSync(out, { recursive: true });

  const make = async (file: string, content: Pick<ImageContent, 'reference' | 'entrypoint' | 'user' | 'labels'>, files: readonly Entry[]): Promise<Image> => {
    const layers = [base, await packLayer(content.reference, files, epoch)];
    const image = await ociImage({ ...content, architecture, epoch, environment: ['NODE_ENV=production'], layers });
    writeFileSync(join(out, `${file}.tar`), image.archive);
    console.log(`${content.reference}@${image.digest}  ${(image.compressed / 1e6).toFixed(1)} MB compressed  ${join(values.out, `${file}.tar`)}`);
    return image;
  };

  const installed = installedPackages(root);
  const digests: Record<string, string> = {};
  for (const plane of PLANES) {
    const reference = `meshwright/${plane.name}:${version}`;
    const beside = extras(plane, runtime);
    const { digest } = await make(plane.name, {
      reference,
      user: '1337:1337',
      entrypoint: ['/usr/bin/node', ...plane.flags, `/app/${plane.bundles[0]}.js`],
      labels: {
        'org.opencontainers.image.title': plane.title,
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'Apache-2.0',
        'org.opencontainers.image.source': 'https://github.com/meshwright/meshwright',
      },
    }, [...program(plane), ...beside.entries]);
    const packages = bundledPackages(plane, root);
    const materials = { image: reference, digest, nodeVersion: NODE_VERSION, packages, system: merged(runtime.packages, beside.packages), epoch };
    writeFileSync(join(out, `${plane.name}.cdx.json`), billOfMaterials(materials, installed));
    digests[plane.name] = digest;
  }
  // For the package that is published from lib, and for the examples' apps, whose SDK is in build/sdk.
  for (const folder of ['lib', 'build']) writeFileSync(join(root, folder, 'images.json'), `${JSON.stringify(digests, undefined, 2)}\n`);

  for (const { reference, program: path, args } of values.examples ? exampleImages(root) : []) {
    // Whatever a service runs as, it is not what its proxy runs as.
    const entrypoint = ['/usr/bin/node', `/app/${basename(path)}`, ...args];
    await make(reference.replace(/[/:]/g, '-'), { reference, user: '1000:1000', entrypoint, labels: {} },
      [{ path: `app/${basename(path)}`, content: readFileSync(path) }]);
  }
}

main().catch((error: Error) => {
  console.error(`images: ${error.message}`);
  process.exitCode = 1;
});
