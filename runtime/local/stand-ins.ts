import { parseAllDocuments, stringify } from 'yaml';
import type { AddressBlock } from './addresses';
import { expand } from './expand';
import type { ManifestFile } from './manifests';
import type { Settings } from './settings';
import { TokenIssuer } from './token-issuer';
import { type KubeObject, type PodSpec, type WorkloadSpec } from './types';

/** Ports below are not everybody's to listen at. */
const FIRST_FREE_PORT = 1024;
const SHIFT = 10_000;

type Json = { [member: string]: unknown };

/** What plays the world outside of the mesh on this machine: processes in place of external services, and issuers of tokens. */
export class StandIns {
  private readonly issuers: ReadonlyMap<string, TokenIssuer>;

  /** @param keysAt origin of the server that has the issuers' keys: `http://127.77.0.1:15900` */
  constructor(private readonly settings: Settings, private readonly addresses: AddressBlock, private readonly keysAt: string) {
    this.issuers = new Map(Object.values(settings.tokens).map(({ issuer }) => [issuer, new TokenIssuer(issuer)]));
  }

  /** There are none: manifests are run as they are. */
  get none(): boolean {
    return Object.keys(this.settings.outside).length === 0 && this.issuers.size === 0;
  }

  /**
   * Manifests that lead to them: to processes of this machine, in plain text, and to keys that this run has made. A file that has nothing to do with them, or
   * cannot be read, stays as it is.
   */
  applied(file: ManifestFile): ManifestFile {
    const documents = parseAllDocuments(file.text, { merge: true });
    if (documents.some(({ errors }) => errors.length > 0)) return file;
    const values = documents.map((document) => document.toJS() as Json | null);
    const objects = values.flatMap((value) => (value?.kind === 'List' && Array.isArray(value.items) ? value.items as Json[] : [value]));
    const changed = objects.filter((object) => this.leadHere(object));
    return changed.length === 0 ? file : { name: file.name, text: values.map((value) => stringify(value)).join('---\n') };
  }

  /** The processes that play external services of these manifests, each a workload of its own. */
  workloads(objects: readonly KubeObject[], node: string): WorkloadSpec[] {
    return objects.filter((object) => this.plays(object)).map((object): WorkloadSpec => {
      const { name, namespace = 'default' } = object.metadata;
      const settings = this.settings.outside[name]!;
      const { folder } = this.settings;
      const { address, port } = this.placeOf(object);
      const env = { HOST: address, PORT: String(port) };
      const words = settings.command.map((word) => expand(word, env));
      const command = words[0] === 'node' ? [node, ...words.slice(1)] : words;
      const id = `ExternalService/${namespace}/${name}`;
      const pod: PodSpec = {
        name, namespace, address, workload: id, service: undefined, version: undefined, labels: {}, zone: undefined, region: undefined,
        namedPorts: {},
        appPorts: [port], readyPort: undefined, identity: undefined, hash: JSON.stringify([command, env]),
        processes: [{ name, role: 'app', command, env, cwd: folder }], control: settings.control,
      };
      return { id, inPlace: true, pods: [pod] };
    });
  }

  /** Names of external services of these manifests that nobody plays, as clusters have them: `cards.shop`. */
  real(objects: readonly KubeObject[]): ReadonlySet<string> {
    return new Set(objects.filter((object) => object.kind === 'ExternalService' && !this.plays(object))
      .map(({ metadata: { name, namespace = 'default' } }) => `${name}.${namespace}`));
  }

  /** The keys at a path of the server; undefined: there are none. */
  keys(path: string): string | undefined {
    const index = /^\/issuers\/(\d+)\/jwks$/.exec(path)?.[1];
    return index === undefined ? undefined : [...this.issuers.values()][Number(index)]?.jwks();
  }

  /** A token as the settings have it under a name; undefined: they have none. */
  token(name: string, now: number): string | undefined {
    const settings = Object.hasOwn(this.settings.tokens, name) ? this.settings.tokens[name] : undefined;
    return settings && this.issuers.get(settings.issuer)!.token(settings.claims, now);
  }

  private plays({ kind, metadata: { name } }: KubeObject): boolean {
    return kind === 'ExternalService' && Object.hasOwn(this.settings.outside, name);
  }

  private placeOf({ metadata: { name, namespace = 'default' }, spec }: KubeObject): { readonly address: string; readonly port: number } {
    const { number } = (spec as { port: { number: number } }).port;
    return { address: this.addresses.pod(`${namespace}/${name}`), port: number < FIRST_FREE_PORT ? number + SHIFT : number };
  }

  /** Changes an object that leads outside. @returns whether it does */
  private leadHere(object: Json | null): boolean {
    const spec = object?.spec as Json | undefined;
    const metadata = object?.metadata as { name?: unknown } | undefined;
    if (typeof spec !== 'object' || spec === null || typeof metadata?.name !== 'string') return false;
    const known = object as unknown as KubeObject;
    if (this.plays(known)) {
      if (typeof (spec.port as Json | undefined)?.number !== 'number') return false;
      spec.endpoints = [this.placeOf(known)];
      delete spec.tls;
      return true;
    }
    if (object!.kind !== 'MeshService') return false;
    const jwt = (spec.authentication as Json | undefined)?.jwt as Json | undefined;
    const providers = Array.isArray(jwt?.providers) ? jwt.providers as Json[] : [];
    return providers.filter((provider) => this.keysHere(provider)).length > 0;
  }

  /** Changes a provider whose issuer is played. @returns whether it is */
  private keysHere(provider: Json): boolean {
    const index = [...this.issuers.keys()].indexOf(String(provider.issuer));
    if (index < 0) return false;
    provider.jwksUri = `${this.keysAt}/issuers/${index}/jwks`;
    delete provider.discovery;
    delete provider.caCertificates;
    return true;
  }
}
