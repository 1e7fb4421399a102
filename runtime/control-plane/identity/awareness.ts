import { get } from 'node:http';
import { parseDuration } from '../../../src/contract';
import { GROUP, VERSION } from '../../../src/contract/names';
import type { Clock } from '../../clock';
import type { ApiList, KubernetesApi, Lease } from '../kubernetes';
import { progressOf, REPLICA_LABEL, REPLICA_SECONDS } from '../status/kubernetes/replicas';
import type { Awareness } from './rotate-root';
import type { TrustProgress } from './trust-progress';

const DAY = 24 * 3_600_000;

/** Of the replicas on a cluster: what each writes into its Lease. Counts, and no names: those are on each replica's own `/identity`. */
export function awarenessByLeases(api: KubernetesApi, clock: Clock, namespace: string): () => Promise<Awareness> {
  const ofReplicas = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases?labelSelector=${encodeURIComponent(REPLICA_LABEL)}`;
  return async () => {
    const [leases, meshes] = await Promise.all([
      api.request<ApiList>({ method: 'GET', path: ofReplicas }),
      api.request<ApiList>({ method: 'GET', path: `/apis/${GROUP}/${VERSION}/meshes` }),
    ]);
    const trusts: string[] = [];
    const behind: string[] = [];
    for (const lease of (leases.items ?? []) as unknown as readonly Lease[]) {
      // A pod that was killed leaves its Lease for a while; a clock that differs by the same again is taken for right.
      if (clock.wallTime() - Date.parse(lease.spec.renewTime ?? '') > 2 * REPLICA_SECONDS * 1000) continue;
      const told = [...progressOf(lease)].find(([name]) => name.startsWith('Trust '));
      trusts.push(told?.[0] ?? 'nothing');
      const missing = told ? told[1].concerned - told[1].programmed : 0;
      if (missing > 0) behind.push(`${missing} proxies of ${lease.metadata.name}`);
    }
    const specs = (meshes.items ?? []).map(({ spec }) => spec as { certificateLifetime?: string } | undefined);
    const lifetimes = specs.map((spec) => parseDuration(spec?.certificateLifetime ?? '') ?? DAY);
    return { trusts, behind, lifetime: lifetimes.length === 0 ? DAY : Math.max(...lifetimes) };
  };
}

/** Of replicas by their admin servers, HOST:PORT: all of them have to answer. */
export function awarenessByPages(replicas: readonly string[]): () => Promise<Awareness> {
  return async () => {
    const told = await Promise.all(replicas.map(async (replica) => pageOf(replica)));
    return {
      trusts: told.map(({ trust }) => trust),
      behind: told.flatMap(({ behind }) => behind),
      lifetime: Math.max(...told.map(({ lifetime }) => lifetime)),
    };
  };
}

async function pageOf(replica: string): Promise<TrustProgress> {
  return new Promise((resolve, reject) => {
    get(`http://${replica}/identity`, { agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('error', reject).on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as TrustProgress);
        else reject(new Error(`${replica}: ${text.trim()}`));
      });
    }).on('timeout', function (this: { destroy(error: Error): void }) { this.destroy(new Error('no answer')); })
      .on('error', (error) => reject(new Error(`${replica}: ${error.message}`)));
  });
}
