import { parseArgs } from 'node:util';
import { CERTIFICATE_PORT, CLUSTER_DOMAIN, CONTROL_PLANE_ADMIN_PORT, DNS_SUBDOMAIN, INJECTOR_PORT, XDS_PORT } from '../../src/contract';
import type { ListenAddress } from './control-plane';
import { LOG_LEVELS, type LogLevel } from './log';

export const USAGE = `meshwright control plane: manifests in, xDS out. rotate-root replaces the root of its authority (rotate-root --help)

  --source folder:DIR         folder of manifests, watched with its subfolders; may be given several times
  --source kubernetes[:FILE]  the API of this pod's cluster, or of a kubeconfig. Status is written to it where POD_NAME, POD_NAMESPACE are set
  --source consul:URL         beside another one: endpoints of services that name Consul; CONSUL_HTTP_TOKEN is sent to it
  --xds-address HOST:PORT     where proxies connect (127.0.0.1:${XDS_PORT})
  --authority secret:NAME     who signs certificates: a Secret of type kubernetes.io/tls in this pod's namespace, which somebody else writes
  --authority make:NAME       the same; where there is none it is made
  --authority file:FILE       the same in a file, made where there is none. Without an authority nothing is encrypted, and nobody is asked who he is
  --trust-domain NAME         SPIFFE trust domain of the authority
  --cluster-domain NAME       DNS domain of the cluster, for the names in the control plane's own certificate (${CLUSTER_DOMAIN})
  --tokens FILE               with file: whose tokens are whose, in JSON
  --trust-bundle FILE         with file: where the roots are written for proxies on this machine
  --certificate-address HOST:PORT  where proxies ask for certificates (127.0.0.1:${CERTIFICATE_PORT})
  --injector-address HOST:PORT  the admission webhook that puts sidecars into pods, with the certificate of the authority; there is none without it
  --admin-address HOST:PORT   /ready, /healthz and /metrics; for this machine also /status and /debug/config (127.0.0.1:${CONTROL_PLANE_ADMIN_PORT})
  --status-file FILE          keeps the status of every object there; YAML, or JSON by its name
  --log-level LEVEL           ${LOG_LEVELS.join(', ')} (info)
  --help
`;

/** Where the authority is. `make`: where there is none it is made. */
export type AuthorityOption =
  | { readonly kind: 'secret'; readonly name: string; readonly make: boolean }
  | { readonly kind: 'file'; readonly file: string };

export interface Options {
  readonly folders: readonly string[];
  /** A Kubernetes API as source; without `kubeconfig` that of the pod, of KUBECONFIG, or of ~/.kube/config. */
  readonly kubernetes: { readonly kubeconfig: string | undefined } | undefined;
  /** Address of a Consul agent, `http://127.0.0.1:8500`. */
  readonly consul: string | undefined;
  readonly authority: AuthorityOption | undefined;
  readonly trustDomain: string | undefined;
  readonly clusterDomain: string | undefined;
  readonly tokens: string | undefined;
  readonly trustBundle: string | undefined;
  readonly certificateAddress: ListenAddress;
  /** Of the admission webhook; undefined: there is none. */
  readonly injectorAddress: ListenAddress | undefined;
  readonly xdsAddress: ListenAddress;
  readonly adminAddress: ListenAddress;
  readonly statusFile: string | undefined;
  readonly logLevel: LogLevel;
}

/** All that is wrong with the command line, a line each. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

/**
 * @returns undefined where help was asked for.
 * @throws OptionsError
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const problems: string[] = [];
  const values = read(args);
  if (values.help) return undefined;
  const sources = sourcesOf(values.source, problems);
  const address = (name: 'xds-address' | 'admin-address' | 'certificate-address' | 'injector-address', fallback: number): ListenAddress => {
    const text = values[name] ?? `127.0.0.1:${fallback}`;
    const parsed = parseAddress(text);
    if (!parsed) problems.push(`--${name} is "${text}": must be HOST:PORT, such as 0.0.0.0:${fallback} or [::1]:${fallback}`);
    return parsed ?? { host: '', port: 0 };
  };
  const addresses = {
    xdsAddress: address('xds-address', XDS_PORT),
    adminAddress: address('admin-address', CONTROL_PLANE_ADMIN_PORT),
    certificateAddress: address('certificate-address', CERTIFICATE_PORT),
  };
  const injectorAddress = values['injector-address'] === undefined ? undefined : address('injector-address', INJECTOR_PORT);
  const authority = authorityOf(values.authority, problems);
  if (injectorAddress && (!sources.kubernetes || !authority)) problems.push('--injector-address needs --source kubernetes, whose pods it changes, and --authority, which gives it its certificate');
  const trustDomain = values['trust-domain'];
  if (authority && trustDomain === undefined) problems.push('--trust-domain is missing: an authority signs for one trust domain');
  if (trustDomain !== undefined && !new RegExp(DNS_SUBDOMAIN).test(trustDomain)) {
    problems.push(`--trust-domain is "${trustDomain}": must be a name such as shop.example`);
  }
  const clusterDomain = values['cluster-domain'];
  if (clusterDomain !== undefined && !new RegExp(DNS_SUBDOMAIN).test(clusterDomain)) {
    problems.push(`--cluster-domain is "${clusterDomain}": must be a name such as ${CLUSTER_DOMAIN}`);
  }
  // As other programs call it, too.
  const level = values['log-level'] === 'warn' ? 'warning' : values['log-level'] ?? 'info';
  if (!(LOG_LEVELS as readonly string[]).includes(level)) problems.push(`--log-level is "${level}": must be one of ${LOG_LEVELS.join(', ')}`);
  if (problems.length > 0) throw new OptionsError(problems.join('\n'));
  return {
    ...sources, ...addresses, injectorAddress, authority, trustDomain, clusterDomain,
    tokens: values.tokens, trustBundle: values['trust-bundle'], statusFile: values['status-file'], logLevel: level as LogLevel,
  };
}

function authorityOf(given: string | undefined, problems: string[]): AuthorityOption | undefined {
  if (given === undefined) return undefined;
  const [, kind, rest] = /^(secret|make|file):(.+)$/s.exec(given) ?? [];
  if (kind === 'file') return { kind, file: rest };
  if (kind !== undefined && new RegExp(DNS_SUBDOMAIN).test(rest)) return { kind: 'secret', name: rest, make: kind === 'make' };
  problems.push(`--authority is "${given}": must be secret:NAME, make:NAME or file:FILE`);
  return undefined;
}

type Sources = Pick<Options, 'folders' | 'kubernetes' | 'consul'>;

function sourcesOf(given: readonly string[] | undefined, problems: string[]): Sources {
  const folders: string[] = [];
  let kubernetes: Sources['kubernetes'];
  let consul: string | undefined;
  for (const source of given ?? []) {
    const [, kind, rest] = /^(\w+)(?::(.+))?$/s.exec(source) ?? [];
    if (kind === 'folder' && rest !== undefined) folders.push(rest);
    else if (kind === 'consul' && !consul && /^https?:\/\/[^/?#]+\/?$/.test(rest ?? '')) consul = rest;
    else if (kind === 'consul') problems.push(`--source is "${source}": must be the address of one Consul agent, such as consul:http://127.0.0.1:8500`);
    else if (kind !== 'kubernetes') problems.push(`--source is "${source}": must be folder:DIR, kubernetes, kubernetes:KUBECONFIG or consul:URL`);
    else if (kubernetes) problems.push(`--source is "${source}": one Kubernetes API is enough; run a control plane for each cluster`);
    else kubernetes = { kubeconfig: rest };
  }
  if (given === undefined) problems.push('--source is missing: say where the manifests are, --source folder:DIR or --source kubernetes');
  if (consul !== undefined && folders.length === 0 && !kubernetes) problems.push(`--source consul:${consul} has only endpoints: name a folder or kubernetes beside it`);
  return { folders, kubernetes, consul };
}

const FLAGS = {
  'source': { type: 'string', multiple: true },
  'authority': { type: 'string' },
  'trust-domain': { type: 'string' },
  'cluster-domain': { type: 'string' },
  'tokens': { type: 'string' },
  'trust-bundle': { type: 'string' },
  'certificate-address': { type: 'string' },
  'xds-address': { type: 'string' },
  'injector-address': { type: 'string' },
  'admin-address': { type: 'string' },
  'status-file': { type: 'string' },
  'log-level': { type: 'string' },
  'help': { type: 'boolean', short: 'h' },
} as const;

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new OptionsError((error as Error).message);
  }
}

/** `HOST:PORT`, `[::1]:PORT`; undefined for what is neither. */
export function parseAddress(text: string): ListenAddress | undefined {
  const [, v6, host, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? [];
  return port === undefined || Number(port) > 65_535 ? undefined : { host: v6 ?? host, port: Number(port) };
}
