import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { PLANES as planesOf } from '../../../images/planes';

const root = resolve(__dirname, '../../..');
const MEGABYTE = 1_000_000;
const PLANES = ['proxy', 'control-plane'];

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: ReadonlyArray<{ readonly digest: string; readonly size: number }>;
}

/** The images, made twice from the command that the README gives, and unpacked as a container runtime does it. */
describe('npm run images', () => {
  let scratch: string;
  const layout = (plane: string) => join(scratch, `${plane}-layout`);
  const blob = (plane: string, digest: string) => join(layout(plane), 'blobs/sha256', digest.replace('sha256:', ''));
  const json = <T>(path: string) => JSON.parse(readFileSync(path, 'utf8')) as T;
  const digestOf = (plane: string) => json<{ manifests: [{ digest: string }] }>(join(layout(plane), 'index.json')).manifests[0].digest;
  const manifestOf = (plane: string) => json<Manifest>(blob(plane, digestOf(plane)));

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'meshwright-images-'));
    const images = (out: string, umask: number, env: Record<string, string>) => {
      const before = process.umask(umask);
      try {
        execFileSync('npm', ['run', '--silent', 'images', '--', '--out', join(scratch, out)], { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
      } finally {
        process.umask(before);
      }
    };
    images('first', 0o022, { TZ: 'UTC' });
    images('second', 0o077, { TZ: 'Pacific/Auckland', LC_ALL: 'C' });
    for (const plane of PLANES) {
      mkdirSync(layout(plane));
      execFileSync('tar', ['-xf', join(scratch, 'first', `${plane}.tar`), '-C', layout(plane)]);
      const files = join(scratch, `${plane}-root`);
      mkdirSync(files);
      chmodSync(files, 0o755);
      for (const { digest } of manifestOf(plane).layers) execFileSync('tar', ['-xzpf', blob(plane, digest), '-C', files]);
    }
    // Root alone may go in there otherwise.
    chmodSync(scratch, 0o755);
  }, 600_000);

  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true });
    // Tests of the package look at what a checkout gives.
    rmSync(join(root, 'lib/images.json'), { force: true });
  });

  test.each(PLANES)('%s: the same bytes, whoever makes it, and whenever', (plane) => {
    expect(readFileSync(join(scratch, 'second', `${plane}.tar`)).equals(readFileSync(join(scratch, 'first', `${plane}.tar`)))).toBe(true);
    expect(readFileSync(join(scratch, 'second', `${plane}.cdx.json`), 'utf8')).toBe(readFileSync(join(scratch, 'first', `${plane}.cdx.json`), 'utf8'));
  });

  test.each(PLANES)('%s: at most 55 MB to download', (plane) => {
    const size = manifestOf(plane).layers.reduce((sum, layer) => sum + layer.size, 0);
    console.info(`${plane}: ${(size / MEGABYTE).toFixed(1)} MB compressed`);
    expect(size).toBeLessThan(55 * MEGABYTE);
  });

  test.each(PLANES)('%s: every blob is named by its content', (plane) => {
    const { config, layers } = manifestOf(plane);
    for (const digest of [digestOf(plane), config.digest, ...layers.map((layer) => layer.digest)]) {
      expect(`sha256:${execFileSync('sha256sum', [blob(plane, digest)], { encoding: 'utf8' }).split(' ')[0]}`).toBe(digest);
    }
    const { rootfs } = json<{ rootfs: { diff_ids: string[] } }>(blob(plane, config.digest));
    const unpacked = layers.map(({ digest }) => {
      const { stdout } = spawnSync('sh', ['-c', `gzip -dc ${blob(plane, digest)} | sha256sum`], { encoding: 'utf8' });
      return `sha256:${stdout.split(' ')[0]}`;
    });
    expect(rootfs.diff_ids).toEqual(unpacked);
  });

  test.each(PLANES)('%s: runs as nobody in particular, and holds nothing that runs beside it', (plane) => {
    const { config } = json<{ config: { User: string; Entrypoint: string[] } }>(blob(plane, manifestOf(plane).config.digest));
    expect(config.User).toBe('1337:1337');
    const { flags, system } = planesOf.find(({ name }) => name === plane)!;
    expect(config.Entrypoint).toEqual(['/usr/bin/node', ...flags, `/app/${plane}.js`]);
    const executables = execFileSync('find', ['.', '-type', 'f', '-perm', '/111', '-not', '-name', '*.so*'], { cwd: join(scratch, `${plane}-root`), encoding: 'utf8' });
    expect(executables.trim().split('\n').sort()).toEqual(['./usr/bin/node', ...system === undefined ? [] : [`.${system}`]]);
    expect(execFileSync('find', ['.', '-perm', '/6000'], { cwd: join(scratch, `${plane}-root`), encoding: 'utf8' })).toBe('');
    expect(execFileSync('find', ['.', '-perm', '-002', '-not', '-type', 'l'], { cwd: join(scratch, `${plane}-root`), encoding: 'utf8' }).trim()).toBe('./tmp');
  });

  /** The entry point with nothing of this system to see but its kernel. */
  const run = (plane: string, ...args: string[]) => {
    const files = join(scratch, `${plane}-root`);
    return spawnSync('/usr/sbin/chroot', ['--userspec=1337:1337', files, '/usr/bin/node', `/app/${plane}.js`, ...args], { encoding: 'utf8', env: {} });
  };

  test('the proxy takes a configuration in its image', () => {
    // As the manifests give it; the kubelet puts the addresses in.
    const [pod] = parseAllDocuments(readFileSync(join(root, 'test/testdata/examples/ecommerce.yaml'), 'utf8')).map((document) => document.toJS())
      .filter(({ kind, spec }) => kind === 'Deployment' && spec.template.spec.initContainers);
    const args: string[] = pod.spec.template.spec.initContainers[0].args.map((value: string) => value.replace(/\$\(POD_IP\)/g, '127.0.0.1').replace(/\$\(\w+\)/g, 'x'));
    const { stdout, stderr, status } = run('proxy', '--mode', 'validate', ...args);
    expect({ stdout, stderr, status }).toEqual({ stdout: "configuration '--config-yaml' OK\n", stderr: '', status: 0 });
  });

  test('the control plane starts in its image', () => {
    const { stdout, status } = run('control-plane', '--help');
    expect(status).toBe(0);
    expect(stdout).toContain('--source');
  });

  test.each(PLANES)('%s: the bill of materials names what is in it', (plane) => {
    const bill = json<{ metadata: { component: { version: string } }; components: Array<{ name: string; purl: string; licenses?: unknown[] }> }>(join(scratch, 'first', `${plane}.cdx.json`));
    expect(bill.metadata.component.version).toBe(digestOf(plane));
    const names = bill.components.map(({ name }) => name);
    const own = plane === 'proxy' ? ['koffi', 'nftables'] : ['@grpc/grpc-js'];
    expect(names).toEqual(expect.arrayContaining(['@bufbuild/protobuf', 'node', 'libc6', 'libstdc++6', ...own]));
    // The proxy's side of gRPC is its own.
    if (plane === 'proxy') expect(names).not.toContain('@grpc/grpc-js');
    // Tools are not in the image.
    expect(names).not.toContain('esbuild');
    for (const { purl, licenses } of bill.components.filter((component) => component.purl.startsWith('pkg:npm/'))) expect([purl, licenses?.length]).toEqual([purl, 1]);
  });

  test('the SDK pins what it emits by the digests', () => {
    writeFileSync(join(scratch, 'app.cjs'), `
      const { App, Chart } = require('cdk8s');
      const { Mesh } = require(${JSON.stringify(join(root, 'lib/index.js'))});
      const app = new App();
      const chart = new Chart(app, 'mesh', { namespace: 'mesh' });
      const mesh = new Mesh(chart, 'mesh', { trustDomain: 'a.example', certificateLifetime: require('cdk8s').Duration.hours(24) });
      console.log(JSON.stringify(chart.toJson().find((object) => object.kind === 'Deployment').spec.template.spec.containers[0].image));
    `);
    const image = execFileSync(process.execPath, [join(scratch, 'app.cjs')], { encoding: 'utf8', cwd: root, env: { ...process.env, NODE_PATH: join(root, 'node_modules') } });
    expect(JSON.parse(image)).toBe(`meshwright/control-plane:${json<{ version: string }>(join(root, 'package.json')).version}@${digestOf('control-plane')}`);
    expect(statSync(join(root, 'lib/images.json')).size).toBeGreaterThan(100);
  });
});
