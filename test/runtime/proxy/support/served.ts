import { webcrypto } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { App } from 'cdk8s';
import { systemClock } from '../../../../runtime/clock';
import { parseManifests, proxyNode, readResources, resolve, xdsResources } from '../../../../runtime/control-plane';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { SIGNING, x509 } from '../../../../runtime/control-plane/identity/x509';
import { SVID } from '../../../../runtime/control-plane/xds/identity';
import { ConfigStore } from '../../../../runtime/proxy/config/store';
import { LocalDataPlane } from '../../../../runtime/proxy/data-plane/local';
import { Families } from '../../../../runtime/proxy/observe/families';
import { createPortableTransport } from '../../../../runtime/proxy/transport';
import {
  ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, packAny, RouteConfigurationSchema, SecretSchema, TypeUrl, type Schema,
} from '../../../../runtime/xds';
import { INBOUND_PORT } from '../../../../src/contract';

export const TRUST_DOMAIN = 'shop.example';

interface Certificate {
  readonly chain: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  /** Service account in the namespace `shop`; undefined: plain text. */
  readonly as?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * One pod of a service in the namespace `shop`, from its construct to real sockets: the program is synthesized, translated by the control plane, and
 * run by the proxy with a certificate of an authority of the test's own, in front of an application that tells what it got.
 */
export class ServedService {
  /** What the application got. */
  readonly received: { readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  /** Lines of the access log. */
  readonly logged: Record<string, unknown>[] = [];

  private constructor(
    readonly address: string, private readonly authority: CertificateAuthority, private readonly plane: LocalDataPlane, private readonly app: Server,
  ) {}

  static async start(program: App, service: string, address: string): Promise<ServedService> {
    const now = Date.now();
    const authority = await CertificateAuthority.load(await createRoot(TRUST_DOMAIN, now), 'test', now);
    const parsed = parseManifests(program.synthYaml(), 'manifests');
    if (parsed.kind === 'error') throw new Error(parsed.message);
    const set = readResources({ documents: parsed.documents, unreadable: [] });
    if (set.rejected.length > 0) throw new Error(JSON.stringify(set.rejected));
    const { model } = resolve(set, undefined, { security: 'certificates', trustBundle: authority.trustBundle });
    const { port } = model.services.get(`shop/${service}`)!;
    const app = createServer();
    const plane = new LocalDataPlane({
      clock: systemClock, random: () => 0.5, transport: createPortableTransport(), overload: undefined,
      openLog: () => ({
        dropped: 0, problem: undefined, reopen: () => {}, close: async () => {},
        write: (line) => made.logged.push(JSON.parse(line) as Record<string, unknown>),
        append: (bytes, end) => made.logged.push(JSON.parse(bytes.toString('utf8', 0, end)) as Record<string, unknown>),
      }),
    });
    const made: ServedService = new ServedService(address, authority, plane, app);
    app.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        made.received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        response.end(`${service} got it`);
      });
    });
    await new Promise<void>((done) => app.listen(port, address, done));
    const store = new ConfigStore({ onSnapshot: () => {}, onDns: () => {} });
    const { chain, key } = await made.certificateOf(service);
    store.setSecret({ kind: 'certificate', name: SVID, certificate: { chain, key } });
    const xds = xdsResources(model, proxyNode(model, { service: `shop/${service}`, podIp: address, loopback: address }));
    const update = (type: Parameters<ConfigStore['update']>[0]['type'], schema: Schema, messages: readonly unknown[], name = 'name') => {
      const resources = messages.map((message) => (
        { name: (message as Record<string, string>)[name]!, version: '', resource: packAny(schema, message as never) }
      ));
      const rejections = store.update({ type, resources, removed: [] });
      if (rejections.length > 0) throw new Error(JSON.stringify(rejections));
    };
    update(TypeUrl.CDS, ClusterSchema, xds.clusters);
    update(TypeUrl.EDS, ClusterLoadAssignmentSchema, xds.endpoints, 'clusterName');
    update(TypeUrl.LDS, ListenerSchema, xds.listeners);
    update(TypeUrl.RDS, RouteConfigurationSchema, xds.routes);
    update(TypeUrl.SDS, SecretSchema, xds.secrets);
    await plane.apply(store.snapshot);
    return made;
  }

  /** A certificate of the mesh's authority. */
  private async certificateOf(account: string): Promise<Certificate> {
    const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING });
    const identity = `spiffe://${TRUST_DOMAIN}/ns/shop/sa/${account}`;
    const { chain } = await this.authority.issue(csr.toString('pem'), { identity, lifetime: 3_600_000 }, Date.now());
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    return { chain, key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
  }

  /** Asks the pod's proxy, on a connection of its own. */
  async ask(path: string, { as, method = 'GET', headers = {}, body }: Asking = {}): Promise<Answer> {
    const target = { host: this.address, port: INBOUND_PORT, path, method, headers: { host: 'payment', connection: 'close', ...headers } };
    const certificate = as === undefined ? undefined : await this.certificateOf(as);
    return new Promise((resolved, rejected) => {
      const request = certificate === undefined ? httpRequest(target) : httpsRequest({
        ...target, agent: new Agent(), ca: this.authority.trustBundle, cert: certificate.chain, key: certificate.key,
        checkServerIdentity: () => undefined,
      });
      request.on('error', rejected);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolved({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }));
      });
      request.end(body);
    });
  }

  /** Value of a metric with these labels. */
  metric(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const families = new Families();
    families.mergeFrom(this.plane.reportNow().families);
    const { series = [] } = families.toData().find((family) => family.name === name) ?? {};
    return series.find((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))?.value;
  }

  async close(): Promise<void> {
    await this.plane.close();
    this.app.closeAllConnections();
    await new Promise((done) => this.app.close(done));
  }
}
