import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { kubectl, ROOT } from '../support';

const GROUPS = ['mesh.meshwright.dev', 'gateway.networking.k8s.io'];

/** Takes everything of meshes out of the cluster, definitions included, and gives it those of the Gateway API, which belong to a cluster. */
export async function emptied(...namespaces: readonly string[]): Promise<void> {
  await kubectl('delete', 'namespace', ...namespaces, '--ignore-not-found', '--timeout=120s');
  const found = (await kubectl('get', 'crd', '-o', 'name')).split('\n').filter((name) => GROUPS.some((group) => name.endsWith(group)));
  if (found.length > 0) await kubectl('delete', ...found, '--timeout=60s');
  execFileSync(join(ROOT, 'test/cluster/gateway-api'), { env: { ...process.env, TESTCLUSTER_STATE: join(process.env.KUBECONFIG!, '..') }, stdio: ['ignore', 'ignore', 'pipe'] });
}

/**
 * A folder of manifests as the example's app synthesizes them with the digests of the images, for a node of two cores: what the pods ask of CPU and memory is
 * less, and nothing else is different. The documents stand in the order that `sorted` gives them.
 */
export function synthesized(example: string, sorted: (documents: unknown[]) => unknown[] = (documents) => documents): string {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-cluster-'));
  const outdir = join(folder, 'synth');
  execFileSync(process.execPath, [join(ROOT, 'build/examples', example, 'main.js')], { env: { ...process.env, CDK8S_OUTDIR: outdir }, stdio: ['ignore', 'ignore', 'ignore'] });
  const documents = readdirSync(outdir).sort().flatMap((file) => parseAllDocuments(readFileSync(join(outdir, file), 'utf8')).map((one) => one.toJS() as unknown));
  const dist = join(folder, 'dist');
  mkdirSync(dist);
  writeFileSync(join(dist, `${example}.k8s.yaml`), sorted(documents.map(forSmallNode)).map((document) => stringify(document)).join('---\n'));
  return dist;
}

function forSmallNode(document: any): unknown {
  const pod = document.spec?.template?.spec;
  for (const { resources } of [...pod?.initContainers ?? [], ...pod?.containers ?? []]) if (resources?.requests) resources.requests = { cpu: '10m', memory: '32Mi' };
  return document;
}

/** The images of the planes that manifests name. */
export function planeImages(dist: string): Set<string> {
  const text = readdirSync(dist).map((file) => readFileSync(join(dist, file), 'utf8')).join('\n');
  return new Set(text.match(/meshwright\/(proxy|control-plane):\S+/g));
}

/** The authority that the control plane made for itself, read as its administrator may. */
export async function authorityOf(namespace: string): Promise<CertificateAuthority> {
  const { data } = JSON.parse(await kubectl('get', 'secret', 'meshwright-authority', '-n', namespace, '-o', 'json')) as { data: Record<string, string> };
  const text = (name: string) => Buffer.from(data[name], 'base64').toString();
  return CertificateAuthority.load({ certificateChain: text('tls.crt'), privateKey: text('tls.key'), trustBundle: text('ca.crt') }, 'the cluster', Date.now());
}
