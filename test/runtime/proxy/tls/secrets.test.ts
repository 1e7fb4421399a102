import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { certs } from '../../../../runtime/proxy/admin/certs';
import { configDump } from '../../../../runtime/proxy/admin/config-dump';
import { SnapshotFile } from '../../../../runtime/proxy/config/snapshot-file';
import { ConfigStore, type RawResource } from '../../../../runtime/proxy/config/store';
import { BootstrapSchema, fromJson, TypeUrl } from '../../../../runtime/xds';
import { assignment, listenerJson, raw } from '../config/resources';
import { Authority, type Identity } from '../support/pki';
import { Upstream } from '../support/sockets';
import { certificateOf, downstreamTls, trust } from '../support/tls';
import { askTls, BACKENDS, handshake, TlsProxy } from './support';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const PAYMENT = 'spiffe://mesh/ns/shop/sa/payment';

let ca: Authority;
let nextCa: Authority;
let identity: Identity;
let renewed: Identity;

beforeAll(async () => {
  ca = await Authority.create('mesh');
  nextCa = await Authority.create('mesh-2');
  identity = await ca.issue({ uris: [PAYMENT] });
  renewed = await ca.issue({ uris: [PAYMENT] });
});

const certificateSecret = (name: string, { chain, key }: Identity, version = '1'): RawResource => raw(TypeUrl.SDS, name, {
  name, tls_certificate: { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } },
}, version);
const trustSecret = (name: string, trusted: string, version = '1'): RawResource => raw(TypeUrl.SDS, name, {
  name, validation_context: { trusted_ca: { inline_string: trusted } },
}, version);

function tlsListener(name: string, common: object, more: object = {}): RawResource {
  const plain = listenerJson(name, 0, { cluster: 'app' }) as { filter_chains: object[] };
  const socket = { name: 'tls', typed_config: { '@type': `${TLS}.DownstreamTlsContext`, 'common_tls_context': common, ...more } };
  return raw(TypeUrl.LDS, name, { ...plain, filter_chains: plain.filter_chains.map((chain) => ({ ...chain, transport_socket: socket })) });
}

const BY_SDS = {
  tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: { ads: {} } }],
  combined_validation_context: {
    default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://mesh/' } }] },
    validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: { ads: {} } },
  },
};

describe('secrets in the store', () => {
  let store: ConfigStore;
  beforeEach(() => {
    store = new ConfigStore({ onSnapshot: () => undefined, onDns: () => undefined });
  });

  test('are asked for by name, and a listener waits for all of them', () => {
    expect(store.update({ type: TypeUrl.LDS, resources: [tlsListener('in', BY_SDS, { require_client_certificate: true })], removed: [] })).toEqual([]);
    expect(store.subscriptions(TypeUrl.SDS)).toEqual(new Set(['default', 'ROOTCA']));
    expect(store.snapshot.listeners.size).toBe(0);
    expect(store.missingSecrets()).toEqual(['default', 'ROOTCA']);
    store.update({ type: TypeUrl.SDS, resources: [certificateSecret('default', identity)], removed: [] });
    expect(store.snapshot.listeners.size).toBe(0);
    store.update({ type: TypeUrl.SDS, resources: [trustSecret('ROOTCA', ca.bundle)], removed: [] });
    expect([...store.snapshot.listeners.keys()]).toEqual(['in']);
    expect([...store.snapshot.secrets.keys()]).toEqual(['default', 'ROOTCA']);
    const { listeners } = store.snapshot;
    store.update({ type: TypeUrl.SDS, resources: [certificateSecret('default', renewed, '2')], removed: [] });
    expect(store.snapshot.listeners.get('in')).toBe(listeners.get('in'));
    expect(store.snapshot.secrets.get('default')).toMatchObject({ certificate: { chain: renewed.chain } });
    store.update({ type: TypeUrl.LDS, resources: [], removed: ['in'] });
    expect([store.subscriptions(TypeUrl.SDS), store.snapshot.secrets.size, store.resources(TypeUrl.SDS)]).toEqual([new Set(), 0, []]);
  });

  test('that are wrong are refused, without a word of what is in them; the last good one goes on', async () => {
    store.update({ type: TypeUrl.LDS, resources: [tlsListener('in', BY_SDS)], removed: [] });
    store.update({ type: TypeUrl.SDS, resources: [certificateSecret('default', identity), trustSecret('ROOTCA', ca.bundle)], removed: [] });
    const before = store.snapshot;
    const bad = [
      certificateSecret('default', { ...identity, key: (await ca.issue({ uris: [PAYMENT] })).key }, '2'),
      certificateSecret('default', { ...identity, key: 'not a key, but secret' }, '3'),
      trustSecret('ROOTCA', 'nothing', '2'),
      trustSecret('default', ca.bundle, '4'),
    ];
    const rejections = bad.map((resource) => store.update({ type: TypeUrl.SDS, resources: [resource], removed: [] })[0].problems.join('; '));
    expect(rejections).toEqual([
      expect.stringContaining('private_key: is not the key of the certificate') as string,
      expect.stringContaining('private_key: is no private key in PEM') as string,
      expect.stringContaining('trusted_ca: has no certificate in PEM') as string,
      'is a validation_context, but something that refers to it needs a tls_certificate',
    ]);
    expect(rejections.join()).not.toMatch(/secret'|not a key, but|BEGIN/);
    expect(store.snapshot).toBe(before);
  });

  test('no key is in the dump, in /certs, or in the file on disk, inline ones included', async () => {
    const inline = { tls_certificates: [{ certificate_chain: { inline_string: identity.chain }, private_key: { inline_string: identity.key } }] };
    store.update({
      type: TypeUrl.LDS, removed: [],
      resources: [tlsListener('in', BY_SDS), tlsListener('own', inline, { session_ticket_keys: { keys: [{ inline_bytes: Buffer.alloc(80, 'T').toString('base64') }] } })],
    });
    store.update({ type: TypeUrl.EDS, resources: [assignment('app')], removed: [] });
    store.update({ type: TypeUrl.SDS, resources: [certificateSecret('default', renewed), trustSecret('ROOTCA', ca.bundle)], removed: [] });
    const folder = mkdtempSync(join(tmpdir(), 'meshwright-test-'));
    const path = join(folder, 'snapshot');
    const file = new SnapshotFile(path, 'n', store, new VirtualClock(), (error) => { throw error; });
    file.changed();
    await file.close();
    const saved = readFileSync(path, 'utf8');
    rmSync(folder, { recursive: true });
    const names = (JSON.parse(saved) as { resources: { name: string }[] }).resources.map(({ name }) => name);
    expect(names).toEqual(['in', 'ROOTCA']);

    const bootstrap = fromJson(BootstrapSchema, {
      static_resources: { secrets: [{ name: 'fixed', tls_certificate: { certificate_chain: { inline_string: identity.chain }, private_key: { inline_string: identity.key } } }] },
    });
    const dump = JSON.stringify(configDump(bootstrap, store, true));
    const shown = JSON.stringify(certs(store.snapshot, Date.now()));
    for (const text of [dump, shown, saved, Buffer.from(saved, 'base64').toString()]) {
      for (const { key } of [identity, renewed]) {
        const secret = key.split('\n')[1];
        expect(text).not.toContain(secret);
        expect(text).not.toContain(Buffer.from(secret).toString('base64').slice(4, 40));
      }
      expect(text).not.toContain(Buffer.alloc(30, 'T').toString('base64'));
    }
    expect(dump).toContain('"private_key":"[redacted]"');
    expect(JSON.parse(shown)).toMatchObject({
      certificates: [
        { ca_cert: [{ path: 'ROOTCA', subject: 'CN=mesh' }], cert_chain: [{ path: 'default', serial_number: renewed.serial.toLowerCase(), subject_alt_names: [{ uri: PAYMENT }], days_until_expiration: '0' }] },
        { ca_cert: [], cert_chain: [{ path: '<inline>', serial_number: identity.serial.toLowerCase() }] },
      ],
    });
  });
});

describe.each(BACKENDS)('%s: secrets that are exchanged', (_name, create) => {
  let upstream: Upstream;
  let proxy: TlsProxy;
  beforeAll(async () => { upstream = await Upstream.start((incoming, response) => response.end(incoming.url)); });
  afterAll(async () => upstream.kill());
  afterEach(async () => proxy.close());

  const certificate = (of: Identity) => ({ kind: 'certificate' as const, name: 'default', certificate: certificateOf(of) });
  const trusting = (authority: string) => ({ kind: 'validation' as const, name: 'ROOTCA', validation: trust(authority) });
  const downstream = {
    ...downstreamTls({}), certificates: [{ secret: 'default' }], validation: { trust: { secret: 'ROOTCA' }, defaults: undefined }, requireClientCertificate: true,
  };

  test('under load: no connection is closed, no request fails, and new handshakes have the new certificate', async () => {
    proxy = await TlsProxy.start(create(), { downstream, secrets: [certificate(identity), trusting(ca.bundle)], upstreamPorts: [upstream.port] });
    const client = { key: identity.key, cert: identity.chain, ca: ca.bundle };
    const agent = new Agent({ keepAlive: true, maxSockets: 4, ...client, checkServerIdentity: () => undefined });
    const ports = new Set<number>();
    const answered: number[] = [];
    let changed = false;
    const ask = async (): Promise<void> => new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: proxy.port, path: '/', agent }, (response) => {
        ports.add((response.socket.address() as AddressInfo).port);
        answered.push(response.statusCode!);
        response.resume().on('end', resolve);
      });
      sent.on('error', reject);
      sent.end();
    });
    const loops = Array.from({ length: 4 }, async () => { for (let count = 0; count < 25 || !changed; count++) await ask(); });
    for (let round = 0; round < 6; round++) {
      await ask();
      await proxy.apply({ secrets: [certificate(round % 2 === 0 ? renewed : identity), trusting(ca.bundle)] });
    }
    await proxy.apply({ secrets: [certificate(renewed), trusting(ca.bundle + nextCa.bundle)] });
    changed = true;
    await Promise.all(loops);
    agent.destroy();
    expect(new Set(answered)).toEqual(new Set([200]));
    expect(ports.size).toBeLessThanOrEqual(4);
    const socket = await handshake(proxy.port, client);
    expect(socket.getPeerX509Certificate()!.serialNumber).toBe(renewed.serial);
    socket.destroy();
    const other = await nextCa.issue({ uris: ['spiffe://mesh/ns/shop/sa/new'] });
    expect((await askTls(proxy.port, { key: other.key, cert: other.chain, ca: ca.bundle })).status).toBe(200);
    // A probe that goes away as soon as it knows the certificate may do so before the proxy is done.
    expect(proxy.failures.filter(({ kind }) => kind !== 'closed')).toEqual([]);
  });

  test('a session is resumed over another certificate of the same identity, and not once the authorities are others', async () => {
    proxy = await TlsProxy.start(create(), { downstream, secrets: [certificate(identity), trusting(ca.bundle)], upstreamPorts: [upstream.port] });
    const client = { key: identity.key, cert: identity.chain, ca: ca.bundle, maxVersion: 'TLSv1.2' as const };
    const first = await handshake(proxy.port, client);
    const session = first.getSession();
    first.destroy();
    const reuse = async (): Promise<boolean> => {
      const socket = await handshake(proxy.port, { ...client, session });
      const reused = socket.isSessionReused();
      socket.destroy();
      return reused;
    };
    expect(await reuse()).toBe(true);
    await proxy.apply({ secrets: [certificate(renewed), trusting(ca.bundle)] });
    expect(await reuse()).toBe(true);
    await proxy.apply({ secrets: [certificate(renewed), trusting(ca.bundle + nextCa.bundle)] });
    expect(await reuse()).toBe(false);
  });
});
