import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Entry } from './archive';

/** A Debian package that a library of the image comes from. */
export interface SystemPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

export interface RuntimeLayer {
  readonly entries: readonly Entry[];
  readonly packages: readonly SystemPackage[];
}

/** Owner of everything that runs in the images; the number stands in the pods' security contexts. */
const UID = 1337;

/**
 * Node and the shared libraries that it needs, and nothing else: no shell, no package manager, no other program. The libraries are those of this
 * system's Debian packages; their versions stand in the bill of materials.
 */
export function runtimeLayer(node: string): RuntimeLayer {
  const libraries = sharedLibraries(node);
  const packages = new Map<string, SystemPackage>();
  const entries: Entry[] = [
    { path: 'usr/bin/node', content: stripped(node), mode: 0o755 },
    ...libraries.map((path) => ({ path: path.slice(1), content: readFileSync(path), mode: 0o755 })),
    { path: 'etc/passwd', content: Buffer.from(`meshwright:x:${UID}:${UID}::/:/sbin/nologin\n`) },
    { path: 'etc/group', content: Buffer.from(`meshwright:x:${UID}:\n`) },
    // Names are looked up in /etc/hosts first, then by DNS, as everywhere; without this file glibc asks DNS for localhost.
    { path: 'etc/nsswitch.conf', content: Buffer.from('hosts: files dns\n') },
    { path: 'tmp/', mode: 0o1777 },
  ];
  for (const library of libraries) {
    const found = packageOf(library);
    packages.set(found.name, found);
  }
  return { entries, packages: [...packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** A program of this system, and what it needs beside what Node does. @throws Error where its package is not installed */
export function programLayer(program: string, beside: RuntimeLayer): RuntimeLayer {
  if (!existsSync(program)) throw new Error(`${program} is not there: install its Debian package, such as nftables`);
  const known = new Set(beside.entries.map(({ path }) => path));
  const files = [program, ...sharedLibraries(program)].filter((path) => !known.has(path.slice(1)));
  const packages = new Map(files.map((path) => packageOf(path)).map((found) => [found.name, found]));
  return {
    entries: files.map((path) => ({ path: path.slice(1), content: readFileSync(path), mode: 0o755 })),
    packages: [...packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Without debugging symbols: a quarter of Node's size; what add-ons link to stays. */
function stripped(binary: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-image-'));
  try {
    const copy = join(folder, basename(binary));
    copyFileSync(binary, copy);
    execFileSync('strip', ['--strip-all', copy]);
    return readFileSync(copy);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Absolute paths, the loader included, as `ldd` finds them. */
function sharedLibraries(binary: string): string[] {
  const lines = execFileSync('ldd', [binary], { encoding: 'utf8' }).split('\n');
  const missing = lines.filter((line) => line.includes('not found'));
  if (missing.length > 0) throw new Error(`${binary} needs libraries that this system lacks: ${missing.map((line) => line.trim()).join('; ')}`);
  // The resolver of host names is opened by glibc when a name is looked up first, and no program names it.
  const found = lines.map((line) => /(\/\S+) \(0x/.exec(line)?.[1]).filter((path): path is string => path !== undefined);
  const folder = found.find((path) => basename(path) === 'libc.so.6')?.replace(/libc\.so\.6$/, '');
  if (folder === undefined) throw new Error(`${binary} is not linked with glibc, so there is nothing known to pack with it`);
  return [...new Set([...found, `${folder}libnss_dns.so.2`, `${folder}libnss_files.so.2`, `${folder}libresolv.so.2`])].sort();
}

function packageOf(library: string): SystemPackage {
  // Debian's database has the names of before or after /usr was merged.
  const real = realpathSync(library);
  const base = `*/${basename(library)}`;
  for (const pattern of [library, real, real.replace(/^\/usr/, ''), base]) {
    try {
      const [line] = execFileSync('dpkg-query', ['--search', pattern], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n');
      const name = line.slice(0, line.lastIndexOf(': '));
      const format = '${Package}\t${Version}\t${Architecture}';
      const [packageName, version, architecture] = execFileSync('dpkg-query', ['--show', '--showformat', format, name], { encoding: 'utf8' }).split('\t');
      return { name: packageName, version, architecture };
    } catch {
      // The next spelling.
    }
  }
  throw new Error(`${library} is in no Debian package, so its version is not known; images are made on Debian`);
}
