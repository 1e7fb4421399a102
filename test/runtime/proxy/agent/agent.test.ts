import { createPrivateKey, X509Certificate } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { systemClock } from '../../../../runtime/clock';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { startControlPlane, type ControlPlane } from '../../../../runtime/control-plane/control-plane';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { FileAuthorityStore } from '../../../../runtime/control-plane/identity/file-store';
import { trustNext } from '../../../../runtime/control-plane/identity/rotation';
import { fileRotation } from '../../../../runtime/control-plane/identity/rotation-stores';
import { ListedTokenVerifier } from '../../../../runtime/control-plane/identity/token';
import { trustName, type TrustProgress } from '../../../../runtime/control-plane/identity/trust-progress';
import { silentLog } from '../../../../runtime/control-plane/log';
import { Agent, NOTICED } from '../../../../runtime/proxy/agent/agent';
import { CertificateFiles } from '../../../../runtime/proxy/agent/certificate-files';
import { parseOptions, type AgentOptions } from '../../../../runtime/proxy/agent/options';
import { Roots } from '../../../../runtime/proxy/agent/roots';
import { BootstrapError } from '../../../../runtime/proxy/bootstrap/types';
import { certificateRequest } from '../../../../runtime/proxy/identity/certificate-request';
import { newKey } from '../../../../runtime/proxy/identity/key';
import type { Log } from '../../../../runtime/proxy/observe/log';
import { createPortableTransport } from '../../../../runtime/proxy/transport/portable';
import { create, DeltaDiscoveryRequestSchema, fromJson, NodeSchema, TypeUrl, type DeltaDiscoveryResponse } from '../../../../runtime/xds';
import { mesh, whole } from '../../control-plane/support/documents';
import { createAdsClient } from '../../control-plane/support/grpc-clients';
import { MemorySource } from '../../control-plane/support/memory-source';

const CONTROL_PLANE = 'spiffe://shop.example/ns/mesh/sa/meshwright-control-plane';

let folder: string;
let controlPlane: ControlPlane;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwright-agent-'));
  controlPlane = await startControlPlane({
    adminAddress: { host: '127.0.0.1', port: 0 },
    clock: systemClock,
    source: new MemorySource([mesh(), ...whole('payment', ['10.0.0.2']), ...whole('order', ['10.0.0.1'], ['payment'])]),
    xdsAddress: { host: '127.0.0.1', port: 0 },
    identity: {
      authority: new FileAuthorityStore({ clock: systemClock, log: silentLog, file: join(folder, 'authority.json'), create: 'shop.example' }),
      tokens: new ListedTokenVerifier(() => new Map([['token-of-order', { namespace: 'shop', serviceAccount: 'order', pod: undefined }]])),
      trustDomain: 'shop.example',
      self: { namespace: 'mesh', serviceAccount: 'meshwright-control-plane' },
      dnsNames: ['control-plane.example'],
      address: '127.0.0.1:0',
    },
  });
  writeFileSync(join(folder, 'token'), 'token-of-order\n');
});
afterAll(async () => {
  await controlPlane.close();
  rmSync(folder, { recursive: true });
});

/** Lines of a log that a test waits for. */
class Heard {
  readonly lines: string[] = [];
  private readonly waiting: (() => void)[] = [];
  private readonly hear = (_component: string, message: string, fields?: object): void => {
    this.lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
    for (const tell of this.waiting.splice(0)) tell();
  };
  readonly log = Object.fromEntries(['debug', 'info', 'warning', 'error', 'critical'].map((level) => [level, this.hear])) as unknown as Log;

  /** Resolves with the next line. */
  async another(): Promise<void> {
    await new Promise<void>((tell) => this.waiting.push(tell));
  }

  async line(part: string): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => line.includes(part));
      if (found !== undefined) return found;
      await new Promise<void>((tell) => this.waiting.push(tell));
    }
  }
}

/** How far the control plane is with the roots that it hands out. */
const trust = async () => (await fetch(`http://127.0.0.1:${controlPlane.adminPort}/identity`)).json() as Promise<TrustProgress>;

let count = 0;
const agents: Agent[] = [];
afterEach(async () => { for (const agent of agents.splice(0)) await agent.close(); });

function newAgent(more: Partial<AgentOptions> = {}) {
  const clock = new VirtualClock();
  const heard = new Heard();
  const files = join(folder, `files-${++count}`);
  mkdirSync(files);
  const roots = join(folder, `ca-${count}.crt`);
  writeFileSync(roots, controlPlane.trustBundle!);
  const loopback = { host: '127.0.0.1', port: 0 };
  const options: AgentOptions = {
    identity: {
      tokenFile: join(folder, 'token'), trustBundleFile: roots, certificateAddress: { host: '127.0.0.1', port: controlPlane.certificatePort },
    },
    controlPlane: CONTROL_PLANE, files, relay: { listen: loopback, to: { host: '127.0.0.1', port: controlPlane.xdsPort } }, healthAddress: loopback,
    logLevel: 'info', ...more, node: more.node,
  };
  const agent = new Agent(options, {
    clock, random: () => 0.5, log: heard.log, transport: createPortableTransport(), resolve: async (name) => Promise.resolve([name]),
    makeRequest: async () => {
      const key = await newKey();
      return { privateKey: key.privateKey, request: await certificateRequest(key.publicKey, async (bytes) => key.sign(bytes)) };
    },
  });
  agents.push(agent);
  return { agent, clock, files, heard, roots };
}

/** Lets the time pass in which programs read their files again, and waits until the control plane has its `count`th answer. */
async function noticed(clock: VirtualClock, heard: Heard, times: number): Promise<void> {
  clock.advance(NOTICED);
  while (heard.lines.filter((line) => line.startsWith('resources taken')).length < times) await heard.another();
  while ((await trust()).behind.length > 0);
}

/** What a node of a service is told of its clusters, over plain text; or why it is told nothing. */
async function clustersOf(port: number, service: string): Promise<string> {
  const client = createAdsClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const stream = client.deltaAggregatedResources();
  const node = fromJson(NodeSchema, { id: `${service}-1.shop`, metadata: { service, namespace: 'shop', version: 'base', podIp: '10.0.0.1' } });
  stream.write(create(DeltaDiscoveryRequestSchema, { node, typeUrl: TypeUrl.CDS }));
  return new Promise<string>((resolve) => {
    stream.on('data', ({ resources }: DeltaDiscoveryResponse) => resolve(resources.map(({ name }) => name).join(', ')));
    stream.on('error', ({ code }: ServiceError) => resolve(`status ${code}`));
  }).finally(() => {
    stream.cancel();
    client.close();
  });
}

test('keeps the certificate of its account in files, and has programs of the pod reach the control plane with it', async () => {
  const { agent, files, heard } = newAgent();
  await agent.start();
  await heard.line('ready {');
  const leaf = new X509Certificate(readFileSync(join(files, 'svid.pem')));
  expect(leaf.subjectAltName).toBe('URI:spiffe://shop.example/ns/shop/sa/order');
  expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(join(files, 'svid.key'))))).toBe(true);
  expect(leaf.verify(new X509Certificate(readFileSync(join(files, 'ca.pem'))).publicKey)).toBe(true);
  expect((await fetch(`http://127.0.0.1:${agent.healthPort}/ready`)).status).toBe(200);
  expect(await clustersOf(agent.relayPort, 'order')).toBe('inbound:8080, payment.shop:8080');
  // The certificate, and not the word of the program, says who it is.
  expect(await clustersOf(agent.relayPort, 'payment')).toBe('status 7');
  await agent.close();
  expect(heard.lines.join('\n')).not.toContain('PRIVATE KEY');
});

test('passes nothing on to a control plane of another identity', async () => {
  const other = newAgent({ controlPlane: 'spiffe://shop.example/ns/mesh/sa/somebody' });
  await other.agent.start();
  // It does not even ask it for a certificate.
  expect(await other.heard.line('there is no valid certificate')).toContain('somebody');
  expect((await fetch(`http://127.0.0.1:${other.agent.healthPort}/ready`)).status).toBe(503);
  expect(await clustersOf(other.agent.relayPort, 'order')).toBe('status 14');
});

test('roots that are mounted later are in the files beside those of the certificate', async () => {
  const { agent, clock, files, heard, roots } = newAgent();
  await agent.start();
  await heard.line('ready {');
  const before = readFileSync(join(files, 'ca.pem'), 'utf8');
  const another = (await createRoot('shop.example', Date.now())).trustBundle.trim();
  writeFileSync(roots, `${controlPlane.trustBundle!}\n${another}\n`);
  clock.advance(5000);
  await heard.line('certificate files replaced');
  expect(readFileSync(join(files, 'ca.pem'), 'utf8')).toBe(`${before}${another}\n`);
  clock.advance(5000);
  await agent.close();
  expect(heard.lines.filter((line) => line.startsWith('certificate files'))).toHaveLength(1);
  expect(clock.timers).toBe(0);
});

// The authority is another one after it.
test('a root that is replaced is known at once, and acknowledged once programs of the pod have read it; the one that is dropped is trusted no longer', async () => {
  const node = fromJson(NodeSchema, {
    id: 'order-1.shop', metadata: { service: 'order', namespace: 'shop', version: 'base', podIp: '10.0.0.1' }, user_agent_name: 'meshwright-agent',
  });
  const { agent, clock, files, heard } = newAgent({ node });
  await agent.start();
  await heard.line('ready {');
  // The first roots: nobody has read them before.
  await heard.line('connected {');
  expect(await trust()).toMatchObject({ proxies: 1, behind: ['order-1.shop'] });
  await noticed(clock, heard, 1);
  expect(await trust()).toMatchObject({ proxies: 1, behind: [] });
  // It is no proxy of its service: of objects it runs nothing.
  expect(controlPlane.status().proxies).toEqual([]);

  const store = fileRotation(join(folder, 'authority.json'));
  const before = (await store.read()).material;
  const next = await createRoot('shop.example', Date.now());
  const both = trustNext(await store.read(), next);
  await store.write(both);
  await heard.line('certificate files replaced');
  expect(readFileSync(join(files, 'ca.pem'), 'utf8').match(/BEGIN/g)).toHaveLength(2);
  clock.advance(NOTICED - 1);
  expect(await trust()).toMatchObject({ trust: trustName(both.material.trustBundle), proxies: 1, behind: ['order-1.shop'] });
  await noticed(clock, heard, 2);
  expect((await trust()).behind).toEqual([]);

  // Neither the roots that came with the certificate nor those that are mounted have changed, and both are older.
  await store.write({ material: next, next: undefined, replaced: undefined });
  while (readFileSync(join(files, 'ca.pem'), 'utf8') !== next.trustBundle) await heard.another();
  await noticed(clock, heard, 3);
  expect(await trust()).toMatchObject({ trust: trustName(next.trustBundle), behind: [] });
  await store.write({ material: before, next: undefined, replaced: undefined });
  while (controlPlane.trustBundle !== before.trustBundle) await heard.another();
  await agent.close();
  expect(clock.timers).toBe(0);
});

test('roots: what the control plane says, and what has changed elsewhere since', () => {
  const roots = new Roots();
  const [a, b, c] = ['A', 'B', 'C'].map((name) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----`);
  roots.see('issued', a!);
  roots.see('mounted', `${a}\r\n${b}`);
  expect(roots.bundle).toBe(`${a}\n${b}\n`);
  roots.tell(c!);
  expect(roots.bundle).toBe(`${c}\n`);
  // The same again is older than what was told; something else is newer.
  roots.see('issued', a!);
  expect(roots.bundle).toBe(`${c}\n`);
  roots.see('mounted', `${c}\n${b}`);
  expect(roots.bundle).toBe(`${c}\n${b}\n`);
});

test('files are replaced in one step, also by an agent that comes after another', async () => {
  const files = join(folder, 'step');
  mkdirSync(files);
  const content = (name: string) => ({ certificateChain: `c${name}`, privateKey: `k${name}`, trustBundle: `r${name}` });
  const read = () => ['svid.pem', 'svid.key', 'ca.pem'].map((name) => readFileSync(join(files, name), 'utf8')).join(' ');
  const first = new CertificateFiles(files);
  for (const name of ['1', '2']) {
    await first.write(content(name));
    expect(read()).toBe(`c${name} k${name} r${name}`);
  }
  const link = lstatSync(join(files, 'svid.pem')).ino;
  const second = new CertificateFiles(files);
  for (const name of ['3', '4', '5']) {
    await second.write(content(name));
    expect(read()).toBe(`c${name} k${name} r${name}`);
  }
  // The names stay; what they lead to is exchanged.
  expect(lstatSync(join(files, 'svid.pem')).ino).toBe(link);
  expect(readdirSync(files).filter((name) => /^\.\.\d/.test(name))).toHaveLength(1);
});

test('options: everything that is wrong at once', () => {
  const problems = (...args: string[]): readonly string[] => {
    try {
      parseOptions(args);
      return [];
    } catch (error) {
      return (error as BootstrapError).problems;
    }
  };
  expect(problems('--relay-address', 'nowhere', '--control-plane', 'me', '--log-level', 'loud')).toEqual([
    '--identity-token is required', '--identity-trust-bundle is required', '--certificate-address is required', '--certificate-folder is required',
    '--health-address is required', '--relay-address: nowhere must be HOST:PORT', '--relay-address and --xds-address belong together',
    '--control-plane: me must be a SPIFFE ID, such as spiffe://shop.example/ns/shop/sa/meshwright-control-plane',
    '--log-level: loud must be one of trace, debug, info, warning, error, critical, off',
  ]);
  expect(parseOptions(['--help'])).toBeUndefined();
  expect(parseOptions([
    '--identity-token', 't', '--identity-trust-bundle', 'b', '--certificate-address', 'cp:15012', '--control-plane', CONTROL_PLANE,
    '--certificate-folder', 'f', '--health-address', '[::1]:15020', '--relay-address', '127.0.0.1:15010', '--xds-address', 'cp:15010',
  ])).toEqual({
    identity: { tokenFile: 't', trustBundleFile: 'b', certificateAddress: { host: 'cp', port: 15012 } },
    controlPlane: CONTROL_PLANE, files: 'f', healthAddress: { host: '::1', port: 15020 }, logLevel: 'info',
    relay: { listen: { host: '127.0.0.1', port: 15010 }, to: { host: 'cp', port: 15010 } }, node: undefined,
  });
});
