import { parse } from 'yaml';
import { expand } from './expand';

/** Where a sidecar's surroundings are on this machine. */
export interface LocalPlace {
  /** Address that stands for the pod. */
  readonly address: string;
  /** Addresses of the control plane's replicas. */
  readonly controlPlanes: readonly string[];
  readonly region: string | undefined;
  readonly zone: string | undefined;
  /** Folder for the snapshot. */
  readonly snapshots: string;
  /** What stands for the volume of the pod's identity; undefined: the control plane has no authority, and is spoken to in plain text. */
  readonly identity: { readonly tokenFile: string; readonly trustBundleFile: string } | undefined;
}

/** Within the grace that a pod gets (`mesh.ts`). */
const DRAIN_SECONDS = '3';

const IDENTITY_OPTIONS = ['--identity-token', '--identity-trust-bundle', '--certificate-address'];

type Json = { [member: string]: unknown };

/**
 * The arguments of a sidecar, as its manifest has them, for a process on this machine. What must differ is adapted, the rest stays to the letter:
 * every pod has a loopback address of its own, so `127.0.0.1` and `0.0.0.0` become that address, and the control plane's name in the cluster's DNS
 * becomes the addresses of its replicas. Nothing is redirected on a laptop, so a proxy of an intercepted pod is as any other.
 * @throws where the arguments hold no readable bootstrap
 */
export function localSidecarArgs(args: readonly string[], env: Readonly<Record<string, string>>, place: LocalPlace): string[] {
  const out: string[] = [];
  // A cluster waits for half a minute until a proxy has drained, a laptop for seconds.
  out.push('--drain-time-s', DRAIN_SECONDS);
  for (const [name, value] of optionsOf(args.map((arg) => expand(arg, env)))) {
    if (name === '--config-yaml') out.push(name, JSON.stringify(localBootstrap(value ?? '', place)));
    else if (name === '--health-address') out.push(name, localAddress(value ?? '', place));
    else if (name === '--snapshot-path') out.push(name, place.snapshots);
    else if (IDENTITY_OPTIONS.includes(name) && !place.identity) continue;
    else if (name === '--identity-token') out.push(name, place.identity!.tokenFile);
    else if (name === '--identity-trust-bundle') out.push(name, place.identity!.trustBundleFile);
    else if (name === '--certificate-address') out.push(name, `${place.controlPlanes[0]}:${(value ?? '').slice((value ?? '').lastIndexOf(':') + 1)}`);
    else if (name === '--drain-time-s' || name === '--drain-grace-s') continue;
    else out.push(name, ...(value === undefined ? [] : [value]));
  }
  return out;
}

/** `--name value` and `--name=value` alike. */
function* optionsOf(args: readonly string[]): Iterable<[name: string, value: string | undefined]> {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const equals = arg.startsWith('--') ? arg.indexOf('=') : -1;
    if (equals > 0) yield [arg.slice(0, equals), arg.slice(equals + 1)];
    else if (arg.startsWith('--') && i + 1 < args.length && !args[i + 1]!.startsWith('--')) yield [arg, args[++i]];
    else yield [arg, undefined];
  }
}

function localBootstrap(text: string, place: LocalPlace): Json {
  const bootstrap = parse(text) as Json;
  if (typeof bootstrap !== 'object' || bootstrap === null) throw new Error('--config-yaml: must hold a bootstrap document');
  const node = (bootstrap.node ??= {}) as Json;
  const { intercepted: _, podIps: __, ...metadata } = (node.metadata ?? {}) as Json;
  node.metadata = { ...metadata, podIp: place.address, loopback: place.address };
  if (place.region !== undefined) node.locality ??= { region: place.region, zone: place.zone };
  const resources = member(bootstrap, 'static_resources') as Json | undefined;
  for (const cluster of (resources?.clusters ?? []) as Json[]) localCluster(cluster, place);
  rewriteAddresses(bootstrap, place);
  return bootstrap;
}

/** A cluster that names the control plane gets an endpoint for each of its replicas. */
function localCluster(cluster: Json, place: LocalPlace): void {
  const assignment = member(cluster, 'load_assignment') as Json | undefined;
  for (const locality of (assignment?.endpoints ?? []) as Json[]) {
    const key = 'lb_endpoints' in locality ? 'lb_endpoints' : 'lbEndpoints';
    const endpoints = (locality[key] ?? []) as Json[];
    const local = endpoints.flatMap((endpoint) => {
      const host = socketAddress(endpoint)?.address;
      if (typeof host !== 'string' || !isServiceName(host)) return [endpoint];
      return place.controlPlanes.map((address) => {
        const copy = structuredClone(endpoint);
        socketAddress(copy)!.address = address;
        return copy;
      });
    });
    if (local.some((endpoint, index) => endpoint !== endpoints[index])) {
      cluster.type = 'STATIC';
      if (!place.identity) for (const name of ['transport_socket', 'transportSocket']) delete cluster[name];
    }
    locality[key] = local;
  }
}

function isServiceName(host: string): boolean {
  return /\.svc(\.cluster\.local)?$/.test(host);
}

function socketAddress(lbEndpoint: Json): Json | undefined {
  const address = (lbEndpoint.endpoint as Json | undefined)?.address as Json | undefined;
  return address && (member(address, 'socket_address') as Json | undefined);
}

/** Every `socket_address` of the document that is the pod's own. */
function rewriteAddresses(value: unknown, place: LocalPlace): void {
  if (Array.isArray(value)) return value.forEach((item) => rewriteAddresses(item, place));
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value as Json)) {
    const address = name === 'socket_address' || name === 'socketAddress' ? (inner as Json) : undefined;
    if (address && isOwn(address.address)) address.address = place.address;
    else rewriteAddresses(inner, place);
  }
}

function isOwn(address: unknown): boolean {
  return address === '127.0.0.1' || address === '0.0.0.0' || address === '::' || address === 'localhost';
}

function localAddress(hostAndPort: string, place: LocalPlace): string {
  return `${place.address}:${hostAndPort.slice(hostAndPort.lastIndexOf(':') + 1)}`;
}

function member(object: Json, name: string): unknown {
  return object[name] ?? object[name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())];
}
