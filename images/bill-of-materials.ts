import { execFileSync } from 'node:child_process';
import { sha256 } from './archive';
import type { SystemPackage } from './rootfs';

/** A component of CycloneDX 1.5. */
interface Component {
  readonly 'bom-ref': string;
  readonly 'type': string;
  readonly 'name': string;
  readonly 'version': string;
  readonly 'purl': string;
  readonly [more: string]: unknown;
}

export interface Materials {
  readonly image: string;
  readonly digest: string;
  readonly nodeVersion: string;
  /** npm packages that are in the bundle, such as `yaml@2.9.1`. */
  readonly packages: ReadonlySet<string>;
  readonly system: readonly SystemPackage[];
  readonly epoch: number;
}

/**
 * What is in an image, as CycloneDX 1.5 JSON: the npm packages of its bundle with their licences as npm itself knows them, Node, and the Debian
 * packages of the libraries.
 */
export function billOfMaterials(materials: Materials, installed: readonly Component[]): string {
  const { image, digest, nodeVersion, packages, system, epoch } = materials;
  const bundled = installed.filter((component) => packages.has(component['bom-ref']));
  if (bundled.length < packages.size) {
    const known = new Set(bundled.map((component) => component['bom-ref']));
    throw new Error(`npm does not know of ${[...packages].filter((name) => !known.has(name)).join(', ')}, which is in the bundle of ${image}`);
  }
  const components = [
    ...bundled.map(({ 'bom-ref': reference, type, name, version, purl, licenses, hashes }) => ({ 'bom-ref': reference, type, name, version, purl, licenses, hashes })),
    { 'bom-ref': 'node', 'type': 'platform', 'name': 'node', 'version': nodeVersion, 'purl': `pkg:generic/node@${nodeVersion}`, 'licenses': [{ license: { id: 'MIT' } }] },
    ...system.map(({ name, version, architecture }) => ({
      'bom-ref': `debian:${name}`, 'type': 'library', name, version, 'purl': `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`,
    })),
  ];
  const hex = sha256(digest);
  return `${JSON.stringify({
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    // Made of the digest, so that the same image has the same bill.
    serialNumber: `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString(),
      component: {
        'bom-ref': image, 'type': 'container', 'name': image, 'version': digest, 'hashes': [{ alg: 'SHA-256', content: digest.replace('sha256:', '') }],
      },
    },
    components,
    dependencies: [{ ref: image, dependsOn: components.map((component) => component['bom-ref']) }],
  }, undefined, 2)}\n`;
}

/** Everything that is installed, by npm's own bill of materials. */
export function installedPackages(folder: string): Component[] {
  const output = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
  return (JSON.parse(output) as { components: Component[] }).components;
}
