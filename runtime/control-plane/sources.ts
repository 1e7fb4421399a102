import type { Clock } from '../clock';
import type { KubernetesApi } from './kubernetes';
import type { Log } from './log';
import type { Options } from './options';
import { CombinedSource, FolderSource, type Source } from './source';
import { ConsulSource } from './source/consul';
import { KubernetesSource } from './source/kubernetes';
import { KubernetesStatus, type SharedStatus } from './status';

export interface SourcesDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Sourced {
  readonly source: Source;
  readonly shared: SharedStatus | undefined;
  /** Of the cluster, where there is one. */
  readonly api: KubernetesApi | undefined;
}

/** What the command line names, as one source; and where the status is shared with other replicas, if it is. */
export async function sourceOf(options: Options, deps: SourcesDeps): Promise<Sourced> {
  const { sources, shared, api } = await sourcesOf(options, deps);
  const all = sources.length === 1 ? sources[0] : new CombinedSource(sources);
  const { CONSUL_HTTP_TOKEN: token } = deps.env;
  const source = options.consul === undefined ? all : new ConsulSource(all, { ...deps, address: options.consul, ...token ? { token } : {} });
  return { source, shared, api };
}

async function sourcesOf(
  { folders, kubernetes }: Options, deps: SourcesDeps,
): Promise<Omit<Sourced, 'source'> & { sources: Source[] }> {
  const { clock, log, env } = deps;
  const sources: Source[] = folders.map((folder) => new FolderSource(folder, {
    clock, onError: (error) => log.error('source', 'watching failed', { folder, reason: error.message }),
  }));
  if (!kubernetes) return { sources, shared: undefined, api: undefined };
  // The client is read only where it is used.
  const { connect } = await import('./source/kubernetes/credentials');
  const api = connect(clock, kubernetes.kubeconfig);
  const source = new KubernetesSource({ ...deps, api });
  sources.push(source);
  const { POD_NAME: pod, POD_NAMESPACE: namespace, POD_UID: uid } = env;
  if (pod === undefined || namespace === undefined) {
    log.warning('status', 'no status is written: POD_NAME and POD_NAMESPACE do not say which replica this is');
    return { sources, shared: undefined, api };
  }
  return { sources, api, shared: new KubernetesStatus({ ...deps, api, source, replica: { name: pod, namespace, uid } }) };
}
