import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLANES } from '../../images/planes';
import { SIDECAR_ENVIRONMENT } from '../../src/contract/sidecar';

const PROXY = PLANES.find(({ name }) => name === 'proxy')!;

/** A process of a peer, and the port of 127.0.0.1 that says it is up. */
export interface Program {
  readonly command: readonly string[];
  readonly port: number;
}

/** What is compared: one proxy, or several in a row. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Where the load goes. */
  readonly port: number;
  /** In the order of their start; their processor time and memory count together. */
  readonly programs: readonly Program[];
}

/** Where a peer's files go. Files of one folder must not have one name: `name` is a part of it. */
export interface Place {
  /** Scratch folder. */
  readonly folder: string;
  /** The repository. */
  readonly root: string;
  /** Flags of Node for ours. */
  readonly node?: readonly string[];
}

/** HAProxy of the system with a configuration. */
export function haproxyProgram({ folder }: Place, name: string, config: string, port: number): Program {
  const file = join(folder, `${name}.cfg`);
  writeFileSync(file, config);
  return { command: ['haproxy', '-db', '-f', file], port };
}

/** nginx of the system; what stands inside `http` or `stream`, and those around it. `first`: what has to stand before everything else. */
export function nginxProgram({ folder }: Place, name: string, config: string, port: number, first = ''): Program {
  const prefix = join(folder, name);
  mkdirSync(prefix, { recursive: true });
  writeFileSync(join(prefix, 'nginx.conf'), `
${first}
daemon off;
worker_processes 1;
pid ${prefix}/nginx.pid;
error_log stderr crit;
events { worker_connections 16000; }
${config}
`);
  return { command: ['nginx', '-p', prefix, '-e', 'stderr', '-c', 'nginx.conf'], port };
}

/** Where nginx's `http` puts what it does not keep in memory: it may not write to its own folders. */
export function nginxTemporary({ folder }: Place, name: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${join(folder, name, kind)};`).join('\n');
}

/** Node of the version that the image has. */
export function imageNode({ root }: Place): string {
  return fetched(root, ['node', '24']);
}

/** Our proxy as its image starts it, by a bootstrap. `node`: flags of Node beside. */
export function meshwrightProgram(place: Place, name: string, bootstrap: unknown, port: number, node: readonly string[] = []): Program {
  const file = join(place.folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(bootstrap, null, 2));
  const environment = Object.entries(SIDECAR_ENVIRONMENT).map(([key, value]) => `${key}=${value}`);
  const flags = [...PROXY.flags, ...(place.node ?? []), ...node];
  return { command: ['env', ...environment, imageNode(place), ...flags, join(application(place), 'proxy.js'), '--config-path', file], port };
}

/**
 * The bundles in a folder of their own, as in the image's `/app`, since the path counts: Node looks for a package.json around a script and keeps a megabyte
 * where it finds one; and of a path of more than 40 characters it takes so many apart that V8 compiles how, which is two megabytes of its compiler.
 */
function application({ folder, root }: Place): string {
  const to = join(folder, 'app');
  if (existsSync(to)) return to;
  mkdirSync(to);
  for (const bundle of PROXY.bundles) copyFileSync(join(root, 'lib/runtime', `${bundle}.js`), join(to, `${bundle}.js`));
  return to;
}

/** Envoy with one worker. */
export function envoyProgram(place: Place, name: string, bootstrap: unknown, port: number): Program {
  const file = join(place.folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(bootstrap, null, 2));
  return { command: [envoyBinary(place), '-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'], port };
}

export function envoyBinary({ root }: Place): string {
  return fetched(root, ['envoy']);
}

function fetched(root: string, args: readonly string[]): string {
  return execFileSync(process.execPath, [join(root, 'scripts/peer.mjs'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

/** The first version number in what a program says of itself. */
export function versionOf(command: string, args: readonly string[]): string {
  // nginx says it on the error stream.
  const output = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], { encoding: 'utf8' });
  return /\d+\.\d+(\.\d+)?/.exec(output)?.[0] ?? '';
}
