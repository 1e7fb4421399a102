/**
 * Gives the cluster of KUBECONFIG a mesh that injects, and runs the conformance suite of Gateway API on it: `node test/cluster/conformance-mesh.mjs [FLAG...]`, with the
 * suite's own flags. Needs the SDK (`node scripts/bundle.mjs`) and the images of the planes (`npm run images`), loaded into the node.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const { App, Chart } = createRequire(import.meta.url)('cdk8s');
const { Injection, Mesh, TrafficEncryption } = createRequire(import.meta.url)('../../build/sdk/index.js');
const NAMESPACE = 'meshwright';
const LABEL = 'mesh.meshwright.dev/inject=enabled';

const outdir = mkdtempSync(join(tmpdir(), 'meshwright-conformance-'));
try {
  const app = new App({ outdir });
  const chart = new Chart(app, 'mesh', { namespace: NAMESPACE, disableResourceNameHashes: true });
  // The suite's servers are guests: what they take, they take from everybody.
  new Mesh(chart, 'mesh', { trustDomain: 'conformance.example', injection: Injection.failClosed(), encryption: TrafficEncryption.PERMISSIVE });
  app.synth();
  const kubectl = (...args) => execFileSync(join(here, 'kubectl'), args, { stdio: ['ignore', 2, 2] });
  execFileSync(join(here, 'gateway-api'), { stdio: ['ignore', 2, 2] });
  // The first takes the definitions, and leaves out what is defined by them; the second takes all.
  try { kubectl('apply', '--server-side', '-f', outdir); } catch { /* said, and told again by the second where it stays so */ }
  kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd/meshes.mesh.meshwright.dev', 'crd/meshservices.mesh.meshwright.dev');
  kubectl('apply', '--server-side', '-f', outdir);
  kubectl('rollout', 'status', '-n', NAMESPACE, 'deployment/meshwright-control-plane', '--timeout=180s');
} finally {
  rmSync(outdir, { recursive: true });
}
const { status } = spawnSync(join(here, 'conformance.sh'), [`--namespace-labels=${LABEL}`, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
