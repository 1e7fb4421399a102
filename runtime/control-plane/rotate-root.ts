import { parseArgs } from 'node:util';
import { AUTHORITY_SECRET } from '../../src/contract';
import type { Clock } from '../clock';
import { awarenessByLeases, awarenessByPages } from './identity/awareness';
import { rotateRoot } from './identity/rotate-root';
import { fileRotation, secretRotation } from './identity/rotation-stores';
import { OptionsError, parseAddress } from './options';

export const ROTATE_USAGE = `meshwright control plane, rotate-root: a new root for the mesh, in three steps; each waits until every proxy knows the one before

  --authority secret:NAME     where the authority is (secret:${AUTHORITY_SECRET}), or
  --authority file:FILE       the same in a file, with the admin servers of all replicas:
  --replica HOST:PORT         may be given several times
  --kubeconfig FILE           with secret: the cluster; without it that of this pod, of KUBECONFIG, or of ~/.kube/config
  --namespace NAME            with secret: namespace of the control plane (POD_NAMESPACE)
  --help
`;

/** Milliseconds: on a cluster longer than replicas take to tell of a change, and than a proxy takes to connect to another. */
const CLUSTER_SETTLE = 10_000;
const FILE_SETTLE = 2_000;

export interface RotationDeps {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}

/** `rotate-root` of the command line. @throws OptionsError, RotationError */
export async function rotateRootCommand(args: readonly string[], { clock, env, say }: RotationDeps): Promise<void> {
  const values = read(args);
  if (values.help) {
    say(ROTATE_USAGE);
    return;
  }
  const [, kind, rest] = /^(secret|file):(.+)$/s.exec(values.authority ?? `secret:${AUTHORITY_SECRET}`) ?? [];
  const replicas = values.replica ?? [];
  const wrong = replicas.filter((replica) => !parseAddress(replica)).map((replica) => `--replica is "${replica}": must be HOST:PORT of a replica's admin server`);
  if (kind === undefined) wrong.push(`--authority is "${values.authority}": must be secret:NAME or file:FILE`);
  if (kind === 'file' && replicas.length === 0) wrong.push('--replica is missing: with --authority file:FILE name the admin server of every replica');
  const namespace = values.namespace ?? env.POD_NAMESPACE;
  if (kind === 'secret' && namespace === undefined) wrong.push('--namespace is missing: where is the control plane?');
  if (wrong.length > 0) throw new OptionsError(wrong.join('\n'));
  if (kind === 'file') {
    await rotateRoot({ clock, say, store: fileRotation(rest!), awareness: awarenessByPages(replicas), settle: FILE_SETTLE });
    return;
  }
  const { connect } = await import('./source/kubernetes/credentials');
  const api = connect(clock, values.kubeconfig);
  try {
    await rotateRoot({
      clock, say, store: secretRotation(api, namespace!, rest!), awareness: awarenessByLeases(api, clock, namespace!), settle: CLUSTER_SETTLE,
    });
  } finally {
    api.close();
  }
}

function read(args: readonly string[]) {
  const options = {
    authority: { type: 'string' }, replica: { type: 'string', multiple: true }, kubeconfig: { type: 'string' }, namespace: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ args: [...args], strict: true, allowPositionals: false, options }).values;
  } catch (error) {
    throw new OptionsError((error as Error).message);
  }
}
