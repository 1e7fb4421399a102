import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Chart, Duration, type App } from 'cdk8s';
import type { PodSpec } from '../../../runtime/local/types';
import { ExternalService, Mesh, MeshService, ServicePort } from '../../../src';
import { Authority } from '../../runtime/proxy/support/pki';
import { ask, failures, Manifests, RunningShop, underLoad } from '../local/shop';
import { EnvoyPods } from './pods';

/**
 * Envoys as pods of a mesh, with certificates in files: their leaves are renewed, and the root of the mesh is replaced, under load through two Envoys and our
 * sidecars; and what they call outside of the mesh.
 */
jest.setTimeout(240_000);

const ADDRESSES = '127.93.0.0/16';
const CALLER = '127.93.250.1';
const CALLEE = '127.93.250.2';
const OUTSIDE = '127.93.251.1';
const PORT = 8443;

class Program extends Chart {
  constructor(app: App, authority: string) {
    super(app, 'mesh', { namespace: 'rotation' });
    // The last step of a rotation waits for the life of a certificate.
    const mesh = new Mesh(this, 'mesh', { trustDomain: 'rotation.example', certificateLifetime: Duration.seconds(20) });
    const port = ServicePort.http(8080);
    const echo = new MeshService(this, 'echo', { mesh, port, image: 'rotation/echo:1' });
    const caller = new MeshService(this, 'caller', { mesh, port, image: 'rotation/echo:1' });
    caller.calls(echo);
    const outside = { mesh, hostname: 'cards.example', port: ServicePort.http(PORT), endpoints: [{ address: OUTSIDE }] };
    caller.calls(new ExternalService(this, 'cards', { ...outside, caCertificates: authority }));
    // The same server, for whoever trusts public authorities alone; and for whoever wants another name.
    caller.calls(new ExternalService(this, 'public', { ...outside, hostname: 'public.example' }));
    caller.calls(new ExternalService(this, 'other', { ...outside, hostname: 'other.example', caCertificates: authority }));
  }
}

let folder: string;
let shop: RunningShop;
let envoys: EnvoyPods;
const servers: Server[] = [];
const envoy = { address: CALLER } as PodSpec;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-rotation-'));
  const authority = await Authority.create('of a test');
  const { chain, key } = await authority.issue({ dns: ['cards.example', 'public.example'] });
  const application = join(folder, 'application.cjs');
  writeFileSync(application, 'require(\'node:http\').createServer((_, response) => response.end(\'ours\')).listen(8080, process.env.HOST);');
  const manifests = new Manifests((app) => new Program(app, authority.bundle), `images:\n  rotation/echo: { command: [node, ${application}] }\n`);
  shop = await RunningShop.start(ADDRESSES, manifests);
  await shop.ready();
  envoys = new EnvoyPods(shop, ADDRESSES, { namespace: 'rotation', trustDomain: 'rotation.example' });
  servers.push(createServer((_, response) => response.end('Envoy\'s')).listen(8080, CALLEE));
  servers.push(createTlsServer({ cert: chain, key }, ({ headers }, response) => response.end(headers.host)).listen(PORT, OUTSIDE));
  await envoys.start('caller', CALLER, 'file');
  await envoys.start('echo', CALLEE, 'file');
  envoys.serve('echo', CALLEE);
  const seen = new Set<string>();
  await shop.until('both pods of echo serve', async () => {
    const { body } = await ask(envoy, 'http://echo/');
    seen.add(body);
    return seen.has('ours') && seen.has('Envoy\'s');
  });
});
afterAll(async () => {
  await envoys?.stop();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await shop?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Serial numbers of the certificates that an Envoy has. */
async function serials(address: string): Promise<string[]> {
  const { certificates: all } = JSON.parse((await envoys.read(address, '/certs')).body) as { certificates: { cert_chain?: { serial_number: string }[] }[] };
  return [...new Set(all.flatMap(({ cert_chain: chain }) => chain?.[0]?.serial_number ?? []))];
}

/** Load from Envoy's pod and from ours, to both pods of echo. */
async function lost(during: () => Promise<void>): Promise<string[]> {
  const load = { from: 'caller', url: 'http://echo/', requestsPerSecond: 50 };
  const [ofEnvoy, ofOurs] = await Promise.all([underLoad(shop, load, during, [envoy]), underLoad(shop, load, during)]);
  expect(Math.min(ofEnvoy.length, ofOurs.length)).toBeGreaterThan(100);
  return [...failures(ofEnvoy), ...failures(ofOurs)];
}

/** One thing, by whichever load gets to it first. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return async () => (done ??= work());
}

test('leaves of Envoys are renewed by their files, and no request is lost', async () => {
  const before = { caller: await serials(CALLER), echo: await serials(CALLEE) };
  expect(await lost(once(async () => {
    await envoys.renew('caller', 1);
    await envoys.renew('echo', 1);
    const kept = async (address: string, old: readonly string[]) => (await serials(address)).some((serial) => old.includes(serial));
    await shop.until('both have the new ones', async () => !await kept(CALLER, before.caller) && !await kept(CALLEE, before.echo));
  }))).toEqual([]);
});

test('the root is replaced: both are trusted, Envoys get leaves of the new one, the old one is dropped; no request is lost', async () => {
  const program = resolve(__dirname, '../../../lib/runtime/control-plane.js');
  const authority = join(shop.manifests.root, 'state/identity/authority.json');
  const bundle = join(shop.manifests.root, 'state/identity/ca.crt');
  const roots = () => readFileSync(bundle, 'utf8').match(/-----BEGIN CERTIFICATE-----/g)!.length;
  const old = readFileSync(bundle, 'utf8');
  const replicas = shop.run.pods().filter(({ spec }) => spec.service === undefined).flatMap(({ spec }) => ['--replica', `${spec.address}:15014`]);
  expect(roots()).toBe(1);
  expect(await lost(once(async () => {
    const child = spawn(process.execPath, [program, 'rotate-root', '--authority', `file:${authority}`, ...replicas], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let generation = 1;
    const renewals: Promise<unknown>[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        // The new root signs: whoever keeps the files of Envoys gives them new ones, as the sidecars ask for theirs.
        if (!/^2 of 3/m.test(text)) return;
        generation++;
        renewals.push(envoys.renew('caller', generation), envoys.renew('echo', generation));
      });
    }
    const code = await new Promise<number | null>((done) => child.once('close', done));
    await Promise.all(renewals);
    expect(`${code} ${said}`).toMatch(/^0 1 of 3: [^]*\n2 of 3: [^]*\n3 of 3: [^]*\nthe root is replaced\n$/);
    expect(renewals).toHaveLength(2);
  }))).toEqual([]);
  expect([roots(), readFileSync(bundle, 'utf8') === old]).toEqual([1, false]);
  // Nothing of the old root is left at the Envoys, and they go on hearing of changes.
  for (const address of [CALLER, CALLEE]) expect((await envoys.stats(address, 'update_rejected')).filter(([, count]) => count > 0)).toEqual([]);
  expect((await envoys.stats(CALLER, 'control_plane.connected_state')).map(([, value]) => value)).toEqual([1]);
});

test('what is outside of the mesh: an Envoy verifies its name and its authority, as our sidecar does', async () => {
  const [ours] = shop.pods('caller');
  for (const pod of [envoy, ours!]) {
    const status = async (host: string) => (await ask(pod, `http://${host}:${PORT}/`)).status;
    expect(await ask(pod, `http://cards.example:${PORT}/`)).toEqual({ status: 200, body: expect.stringMatching(/^cards\.example/) });
    // Its certificate is of none of the public authorities, and has not the other name.
    expect([await status('public.example'), await status('other.example')]).toEqual([503, 503]);
  }
  const failed = Object.fromEntries((await envoys.stats(CALLER, 'cluster.(public|other).*ssl.fail_verify'))
    .map(([name, count]): [string, boolean] => [/cluster\.(\w+)\..*ssl\.(\w+)$/.exec(name)!.slice(1).join(' '), count > 0]));
  expect(failed).toMatchObject({ 'public fail_verify_error': true, 'other fail_verify_san': true });
  // Its trust in public authorities is those of its image.
  expect((await envoys.read(CALLER, '/certs')).body).toContain('"/etc/ssl/certs/ca-certificates.crt"');
});
