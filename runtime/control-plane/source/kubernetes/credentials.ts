import { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Clock } from '../../../clock';
import { HttpKubernetesApi, type Credentials } from '../../kubernetes';

/**
 * The API of this pod's cluster, or of a kubeconfig. The official client finds clusters, users, tokens and certificates, and renews them; of the rest
 * of it nothing is bundled (`scripts/bundle.mjs`).
 * @param file a kubeconfig; without it that of `KUBECONFIG`, the service account of the pod, or `~/.kube/config`.
 * @throws Error where none of them says how to reach an API.
 */
export function connect(clock: Clock, file?: string): HttpKubernetesApi {
  let config: KubeConfig;
  try {
    config = load(file);
  } catch (error) {
    const name = file ?? process.env.KUBECONFIG ?? '(the default one)';
    throw new Error(`kubeconfig ${name} cannot be read: ${(error as Error).message}; name one by --source kubernetes:FILE, or leave it to the pod's own`);
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error(`${file ?? process.env.KUBECONFIG ?? 'kubeconfig'}: current-context is ${JSON.stringify(config.getCurrentContext())}, and there is no such context with a cluster`);
  return new HttpKubernetesApi({ server: cluster.server.replace(/\/+$/, ''), clock, credentials: async () => credentialsOf(config, cluster.proxyUrl !== undefined) });
}

function load(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  const inPod = process.env.KUBERNETES_SERVICE_HOST !== undefined && process.env.KUBECONFIG === undefined;
  if (file !== undefined) config.loadFromFile(file);
  else if (inPod) config.loadFromCluster();
  else config.loadFromDefault();
  return config;
}

async function credentialsOf(config: KubeConfig, proxied: boolean): Promise<Credentials> {
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized, agent, headers, auth } = options;
  return {
    headers: { ...headers as Record<string, string>, ...auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {} },
    tls: { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized },
    ...proxied && agent instanceof Agent ? { agent } : {},
  };
}
