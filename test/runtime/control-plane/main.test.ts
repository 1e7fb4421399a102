import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { stringify } from 'yaml';
import { FakeApiServer } from './support/api-server';
import { mesh, whole } from './support/documents';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshwright-main-'));
  program = join(folder, 'control-plane.js');
  await build({ entryPoints: [join(__dirname, '../../../runtime/control-plane/main.ts')], outfile: program, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
});
afterAll(async () => { await rm(folder, { recursive: true }); });

const started: ChildProcess[] = [];
afterEach(() => { for (const child of started.splice(0)) child.kill('SIGKILL'); });

function run(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  return child;
}

/** All of standard error, and the exit code. */
async function ended(child: ChildProcess): Promise<[string, number | null]> {
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  const [code] = await once(child, 'close') as [number | null];
  return [text, code];
}

test('serves a folder, says where, and ends at once and cleanly when it is told to', async () => {
  await writeFile(join(folder, 'mesh.yaml'), [mesh(), ...whole('order', ['10.0.0.1'])].map((one) => stringify(one)).join('---\n'));
  const child = run('--source', `folder:${folder}`, '--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0', '--status-file', join(folder, '.status.json'));
  const lines = createInterface({ input: child.stderr! });
  const [warning] = await once(lines, 'line') as [string];
  expect(JSON.parse(warning)).toMatchObject({ level: 'warning', message: expect.stringContaining('there is no authority') as string });
  const [first] = await once(lines, 'line') as [string];
  const serving = JSON.parse(first) as { message: string; fields: { admin: string; xds: string } };
  expect(serving).toMatchObject({ message: 'serving', fields: { xds: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string } });
  expect((await fetch(`http://${serving.fields.admin}/ready`)).status).toBe(200);
  const end = once(child, 'close');
  child.kill('SIGTERM');
  expect(await end).toEqual([0, null]);
  expect(started).toHaveLength(1);
});

/** A kubeconfig of an API at that address, in the form of `kubectl config`. */
async function kubeconfig(server: string): Promise<string> {
  const file = join(folder, '.kubeconfig');
  await writeFile(file, stringify({
    'apiVersion': 'v1',
    'kind': 'Config',
    'current-context': 'test',
    'contexts': [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    // Plain HTTP has to be asked for.
    'clusters': [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    'users': [{ name: 'test', user: { token: 'secret-token' } }],
  }));
  return file;
}

test('serves a Kubernetes API that a kubeconfig names, with its credentials', async () => {
  const api = await FakeApiServer.start(mesh(), ...whole('order', ['10.0.0.1']));
  const child = run('--source', `kubernetes:${await kubeconfig(api.url)}`, '--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0');
  const lines: string[] = [];
  const input = createInterface({ input: child.stderr! });
  const serving = new Promise<{ fields: { admin: string; source: string } }>((done) => {
    input.on('line', (line) => {
      lines.push(line);
      const said = JSON.parse(line) as { message: string; fields: { admin: string; source: string } };
      if (said.message === 'serving') done(said);
    });
  });
  const { fields: { admin, source } } = await serving;
  expect(source).toBe(`kubernetes:${api.url}`);
  const config = await fetch(`http://${admin}/debug/config?node=order.shop`);
  expect(JSON.stringify(await config.json())).toContain('inbound:8080');
  expect(new Set(api.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer secret-token']));
  // Which replica it is nobody has said.
  expect(lines.join()).toContain('no status is written');
  expect(lines.join()).not.toContain('secret-token');
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
  await api.stop();
});

test('an API without the definitions is waited for, which it says; and can be ended meanwhile', async () => {
  const api = await FakeApiServer.start();
  api.absent.add('meshes');
  const child = run('--source', `kubernetes:${await kubeconfig(api.url)}`, '--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0');
  const input = createInterface({ input: child.stderr! });
  await new Promise<void>((done) => { input.on('line', (line) => { if (line.includes('meshes.mesh.meshwright.dev are not served')) done(); }); });
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
  await api.stop();
});

test.each([
  [['--source', 'somewhere'], '--source is "somewhere": must be folder:DIR, kubernetes, kubernetes:KUBECONFIG or consul:URL'],
  [['--source', 'kubernetes:/nowhere/at/all'], 'kubeconfig /nowhere/at/all cannot be read: ENOENT'],
  [['--source', 'folder:/nowhere/at/all'], '/nowhere/at/all is not a folder; --source folder:DIR names one with manifests'],
])('%j ends with 1 and says %j', async (args, message) => {
  const [text, code] = await ended(run(...args, '--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0'));
  expect(code).toBe(1);
  expect(text).toContain(message);
});

test('a status file among the manifests is refused: it would be read as one', async () => {
  const file = join(folder, 'status.yaml');
  const [text, code] = await ended(run('--source', `folder:${folder}`, '--xds-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0', '--status-file', file));
  expect(code).toBe(1);
  expect(text).toContain('lies among the manifests of');
  await expect(readFile(file)).rejects.toThrow('ENOENT');
});
