import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../../..');
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The package, packed and installed into a project of somebody who only read the README. */
describe('the package, as its users install it', () => {
  let project: string;
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const programs = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, program]) => program);

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'meshwright-user-'));
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', project], { cwd: root, stdio: 'ignore' });
    const [tarball] = readdirSync(project);
    writeFileSync(join(project, 'package.json'), JSON.stringify({
      private: true,
      dependencies: { meshwright: `file:${tarball}`, ...Object.fromEntries(['cdk8s', 'cdk8s-plus-27', 'constructs', 'typescript', '@types/node'].map((name) => [name, devDependencies[name]])) },
    }));
    run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--loglevel', 'error');
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({
      compilerOptions: { target: 'es2022', module: 'node16', moduleResolution: 'node16', strict: true, outDir: 'out', rootDir: '.', types: ['node'] },
      include: ['*.ts'],
    }));
  }, 300_000);

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  test('compiles the programs of the README, the test harness included, without skipLibCheck', () => {
    writeFileSync(join(project, 'main.ts'), programs[0]!);
    writeFileSync(join(project, 'all.ts'), programs.join('\n'));
    expect(run('npx', 'tsc', '-p', '.')).toBe('');
  }, 120_000);

  test('synthesizes, without the repository around it', () => {
    run('node', 'out/main.js');
    const manifest = readFileSync(join(project, 'dist/shop.k8s.yaml'), 'utf8');
    for (const kind of ['CustomResourceDefinition', 'Mesh', 'MeshService', 'HTTPRoute', 'Deployment']) expect(manifest).toMatch(new RegExp(`^kind: ${kind}$`, 'm'));
  }, 60_000);

  test('brings its command', () => {
    expect(run('npx', 'meshwright', 'version').trim()).toMatch(/^(meshwright )?\d+\.\d+\.\d+/);
    expect(run('npx', 'meshwright', 'help')).toContain('meshwright up');
  }, 60_000);

  test('brings its schemas, and the mesh in a test', () => {
    writeFileSync(join(project, 'use.js'), `
      const { MESH_LABEL } = require('meshwright/contract');
      const { TestMesh } = require('meshwright/testing');
      const { App, Chart } = require('cdk8s');
      const { Mesh, MeshService, ServicePort } = require('meshwright');
      const app = new App();
      const chart = new Chart(app, 'shop', { namespace: 'shop' });
      const mesh = new Mesh(chart, 'mesh', { trustDomain: 'shop.example' });
      const service = (id) => new MeshService(chart, id, { mesh, image: 'shop/' + id + ':1.0.0', port: ServicePort.http(8080) });
      const [order, payment] = [service('order'), service('payment')];
      order.calls(payment);
      TestMesh.of(app, { services: { payment: () => ({ status: 201 }) } }).then(async (test) => {
        const { status } = await test.request('order', 'http://payment/pay');
        console.log(MESH_LABEL, status);
        await test.close();
      });
    `);
    expect(run('node', 'use.js').trim()).toBe('mesh.meshwright.dev/mesh 201');
  }, 60_000);
});
