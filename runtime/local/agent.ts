import { GRPC_BOOTSTRAP } from '../../src/contract';

/** Where the agent of a pod finds things on this machine, where a container has mounts and the cluster's DNS. */
export interface LocalAgentPlace {
  /** The pod's own. */
  readonly address: string;
  readonly controlPlane: string;
  /** Folder of the pod's certificate. */
  readonly certificates: string;
  readonly tokenFile: string;
  readonly trustBundleFile: string;
}

/** The arguments of an agent, as its manifest has them, for a process on this machine. The rest stays to the letter. */
export function localAgentArgs(args: readonly string[], place: LocalAgentPlace): string[] {
  const at = (host: string, value: string) => `${host}:${value.slice(value.lastIndexOf(':') + 1)}`;
  const changed: Readonly<Record<string, (value: string) => string>> = {
    '--identity-token': () => place.tokenFile,
    '--identity-trust-bundle': () => place.trustBundleFile,
    '--certificate-folder': () => place.certificates,
    '--certificate-address': (value) => at(place.controlPlane, value),
    '--xds-address': (value) => at(place.controlPlane, value),
    '--relay-address': (value) => at(place.address, value),
    '--health-address': (value) => at(place.address, value),
  };
  return args.map((arg, index) => changed[args[index - 1] ?? '']?.(arg) ?? arg);
}

/** The environment of an application with a library of gRPC: its bootstrap leads to the agent and the certificate of its pod. */
export function localGrpcEnvironment(env: Readonly<Record<string, string>>, { address, certificates }: LocalAgentPlace): Record<string, string> {
  const bootstrap = env[GRPC_BOOTSTRAP];
  if (bootstrap === undefined) return { ...env };
  const local = JSON.parse(bootstrap, (_name, value: unknown) => (
    typeof value !== 'string' ? value : value.replace(/^127\.0\.0\.1(?=:\d+$)/, address).replace(/^\/var\/run\/meshwright-certificates(?=\/)/, certificates))) as object;
  return { ...env, [GRPC_BOOTSTRAP]: JSON.stringify(local) };
}
