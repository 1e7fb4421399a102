import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join, resolve } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { CertificateAuthority } from '../../../runtime/control-plane/identity/certificate-authority';
import { SIGNING, x509 } from '../../../runtime/control-plane/identity/x509';
import { AddressBlock } from '../../../runtime/local/addresses';
import { localSidecarArgs } from '../../../runtime/local/sidecar';
import { ADMIN_PORT, INBOUND_PORT } from '../../../src/contract';
import type { RunningShop } from '../local/shop';

const ROOT = resolve(__dirname, '../../..');

/** How an Envoy has its certificate: in its bootstrap, or in a file that is replaced. */
export type SvidSource = 'static' | 'file';

/** Envoys as pods of a running mesh, as docs/foreign-clients.md has it. */
export class EnvoyPods {
  private readonly children: ChildProcess[] = [];

  /** @param mesh the namespace of its services, and its trust domain */
  constructor(
    private readonly shop: RunningShop, private readonly addresses: string,
    private readonly mesh: { readonly namespace: string; readonly trustDomain: string },
  ) {}

  /** Documents that were synthesized. */
  documents(): any[] {
    const { folder } = this.shop.manifests;
    return readdirSync(folder).flatMap((name) => parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => document.toJS()));
  }

  /** A certificate of the mesh's own authority as it is now, in files, as an agent of the platform would keep them. */
  async identityFiles(service: string, name = `envoy-${service}`): Promise<{ readonly certificate: string; readonly key: string }> {
    const state = join(this.shop.manifests.root, 'state/identity');
    const data = JSON.parse(readFileSync(join(state, 'authority.json'), 'utf8')) as Record<string, string>;
    const material = { certificateChain: data['tls.crt']!, privateKey: data['tls.key']!, trustBundle: data['ca.crt']! };
    const authority = await CertificateAuthority.load(material, 'the run', Date.now());
    const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
    const identity = `spiffe://${this.mesh.trustDomain}/ns/${this.mesh.namespace}/sa/${service}`;
    const { chain } = await authority.issue(request.toString('pem'), { identity, lifetime: 600_000 }, Date.now());
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const folder = join(this.shop.manifests.root, name);
    mkdirSync(folder);
    const files = { certificate: join(folder, 'svid.pem'), key: join(folder, 'svid.key') };
    writeFileSync(files.certificate, chain);
    writeFileSync(files.key, `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`);
    return files;
  }

  /** Gives an Envoy a new certificate, of the authority as it is now, by the file that it watches. */
  async renew(service: string, generation: number): Promise<void> {
    const secret = secretOf(await this.identityFiles(service, `envoy-${service}-${generation}`));
    const file = this.secretFile(service);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(`${file}.new`, fileOf(secret));
    renameSync(`${file}.new`, file);
  }

  private secretFile(service: string): string {
    return join(this.shop.manifests.root, `envoy-${service}-secret`, 'svid.json');
  }

  /** Starts an Envoy as another pod of a service: its sidecar's own bootstrap, with the certificate in it. */
  async start(service: string, address: string, source: SvidSource = 'static'): Promise<void> {
    const { shop, mesh: { namespace } } = this;
    const binary = execFileSync(process.execPath, [join(ROOT, 'scripts/peer.mjs'), 'envoy'], { encoding: 'utf8' }).trim();
    const deployment = this.documents().find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === service);
    const { args } = deployment.spec.template.spec.initContainers[0];
    const trustBundleFile = join(shop.manifests.root, 'state/identity/ca.crt');
    const local = localSidecarArgs(args, { POD_NAME: `${service}-envoy`, POD_NAMESPACE: namespace, POD_IP: address }, {
      address, controlPlanes: [AddressBlock.parse(this.addresses).controlPlane(0)], region: undefined, zone: undefined,
      snapshots: join(shop.manifests.root, `snapshot-${service}`), identity: { tokenFile: '', trustBundleFile },
    });
    const bootstrap = JSON.parse(local[local.indexOf('--config-yaml') + 1]!);
    bootstrap.overload_manager = undefined;
    const file = this.secretFile(service);
    if (source === 'file') await this.renew(service, 0);
    else bootstrap.static_resources.secrets = [secretOf(await this.identityFiles(service))];
    bootstrap.node.metadata.svid = source === 'file' ? file : 'static';
    // What is delivered by SDS is read again when it is replaced; what stands in a bootstrap is not.
    const roots = { name: 'roots', validation_context: { trusted_ca: { filename: trustBundleFile } } };
    writeFileSync(join(shop.manifests.root, `roots-${service}.json`), fileOf(roots));
    for (const cluster of bootstrap.static_resources.clusters) {
      const context = cluster.transport_socket.typed_config.common_tls_context;
      const { match_typed_subject_alt_names: names } = context.combined_validation_context.default_validation_context;
      cluster.transport_socket.typed_config.common_tls_context = {
        tls_certificate_sds_secret_configs: [{ name: 'svid', ...source === 'file' && { sds_config: inFile(file) } }],
        combined_validation_context: {
          default_validation_context: { match_typed_subject_alt_names: names },
          validation_context_sds_secret_config: { name: 'roots', sds_config: inFile(join(shop.manifests.root, `roots-${service}.json`)) },
        },
      };
    }
    const child = spawn(binary, [
      '--config-yaml', JSON.stringify(bootstrap), '--service-node', `${service}-envoy.${namespace}`, '--service-cluster', `${service}.${namespace}`,
      '--concurrency', '1', '--disable-hot-restart', '-l', 'error',
    ], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.children.push(child);
    await shop.until(`Envoy of ${service} is ready`, async () => (await this.read(address, '/ready')).status === 200, 60_000);
  }

  /** Has callers send to an Envoy too. */
  serve(service: string, address: string): void {
    const { namespace } = this.mesh;
    writeFileSync(join(this.shop.manifests.folder, `${service}-envoy.yaml`), stringify({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${service}-envoy`, namespace, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: INBOUND_PORT }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    }));
  }

  /** A page of an Envoy's admin server; status 0 where nobody answers. */
  async read(address: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((done) => {
      get(`http://${address}:${ADMIN_PORT}${path}`, { agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => { body += chunk; });
        response.on('end', () => done({ status: response.statusCode!, body }));
      }).on('error', () => done({ status: 0, body: '' }));
    });
  }

  /** Counters and gauges of an Envoy whose names match. */
  async stats(address: string, filter: string): Promise<[name: string, value: number][]> {
    return (await this.read(address, `/stats?filter=${filter}`)).body.trim().split('\n')
      .filter((line) => line !== '').map((line): [string, number] => [line.split(': ')[0]!, Number(line.split(': ')[1])]);
  }

  async stop(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }
}

function secretOf({ certificate, key }: { readonly certificate: string; readonly key: string }) {
  return { name: 'svid', tls_certificate: { certificate_chain: { filename: certificate }, private_key: { filename: key } } };
}

/** A file of SDS. */
function fileOf(secret: object): string {
  return JSON.stringify({ resources: [{ '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret', ...secret }] });
}

function inFile(path: string) {
  return { path_config_source: { path, watched_directory: { path: join(path, '..') } }, resource_api_version: 'V3' };
}
