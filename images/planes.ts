import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An image that a mesh needs. */
export interface Plane {
  /** Last part of the repository: `meshwright/<name>`. */
  readonly name: string;
  readonly title: string;
  /** Program of this system that it runs, with its libraries. */
  readonly system?: string;
  /** Add-on of Node that is loaded from beside the bundles, as the npm package of this machine's architecture has it. */
  readonly addOn?: { readonly name: string; readonly from: (arch: string) => string };
  /** Bundles of lib/runtime, the program first; the others are loaded when they are used. */
  readonly bundles: readonly string[];
  /** Of Node. */
  readonly flags: readonly string[];
}

/**
 * What a change leaves behind is collected often instead of kept, in a young generation of 48 MB or in an old one that is let grow to twice what lives: a
 * thousand proxies have room in 200 MB. The benchmark runs with it, too.
 */
export const CONTROL_PLANE_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--heap-growing-percent=20'];

/**
 * A sidecar has a part of one core, and a heap that one thread looks through in milliseconds: threads that help with it are memory of every pod, and take
 * their time from the requests. The benchmarks run with it, too.
 */
export const PROXY_FLAGS: readonly string[] = ['--single-threaded-gc', '--v8-pool-size=1'];

export const PLANES: readonly Plane[] = [
  {
    name: 'proxy',
    title: 'Data plane of a meshwright mesh',
    bundles: ['proxy', 'agent', 'intercept', 'proxy-worker', 'certificate-request', 'x509', 're2js', 'yaml'],
    flags: PROXY_FLAGS,
    // It redirects the connections of a pod, and tells where they were meant to go.
    system: '/usr/sbin/nft',
    addOn: { name: 'koffi.node', from: (arch) => `@koromix/koffi-linux-${arch}/linux_${arch}` },
  },
  {
    name: 'control-plane',
    title: 'Control plane of a meshwright mesh',
    bundles: ['control-plane', 'x509', 'grpc-js', 're2js', 'yaml'],
    flags: CONTROL_PLANE_FLAGS,
  },
];

/** `name@version` of every npm package that a plane's bundles were made of. */
export function bundledPackages(plane: Plane, root: string): Set<string> {
  const packages = new Set<string>();
  for (const bundle of plane.bundles) {
    const inputs = JSON.parse(readFileSync(join(root, 'build', 'inputs', `${bundle}.json`), 'utf8')) as string[];
    for (const input of inputs) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
      if (folder === undefined) continue;
      const { name, version } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as { name: string; version: string };
      packages.add(`${name}@${version}`);
    }
  }
  if (plane.addOn) {
    const { version } = JSON.parse(readFileSync(join(root, 'node_modules', 'koffi', 'package.json'), 'utf8')) as { version: string };
    packages.add(`koffi@${version}`);
  }
  return packages;
}
