import { TRUST_CONFIG_MAP } from '../../../src/contract';
import type { Clock, Timer } from '../../clock';
import { Backoff, type KubernetesApi } from '../kubernetes';
import type { Log } from '../log';

const FIELD_MANAGER = 'meshwright-control-plane';

export interface TrustBundleWriterDeps {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
}

/**
 * Writes the trust bundle into each namespace, by server-side apply: every replica says the same, so none of them has to be the one that does. It is
 * written when it is another one, or a namespace joins; what was written stays.
 */
export class TrustBundleWriter {
  private readonly written = new Map<string, string>();
  private wanted: { readonly namespaces: readonly string[]; readonly bundle: string } | undefined;
  private writing: Promise<void> | undefined;
  private timer: Timer | undefined;
  private closed = false;
  private readonly backoff: Backoff;

  constructor(private readonly deps: TrustBundleWriterDeps) {
    this.backoff = new Backoff(500, 10_000, deps.random);
  }

  /** What is to stand in which namespaces from now on. */
  update(namespaces: readonly string[], bundle: string): void {
    this.wanted = { namespaces, bundle };
    this.work();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.writing;
  }

  private work(): void {
    if (this.writing || this.closed) return;
    this.timer?.cancel();
    this.writing = this.write().finally(() => {
      this.writing = undefined;
      if (this.missing().length > 0 && !this.closed) this.timer = this.deps.clock.setTimer(this.backoff.next(), () => this.work());
    });
  }

  private missing(): string[] {
    const { wanted, written } = this;
    return wanted ? wanted.namespaces.filter((namespace) => written.get(namespace) !== wanted.bundle) : [];
  }

  private async write(): Promise<void> {
    const { api, log } = this.deps;
    for (const namespace of this.missing()) {
      const { bundle } = this.wanted!;
      try {
        await api.request({
          method: 'PATCH',
          path: `/api/v1/namespaces/${namespace}/configmaps/${TRUST_CONFIG_MAP}?fieldManager=${FIELD_MANAGER}&force=true`,
          contentType: 'application/apply-patch+yaml',
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: TRUST_CONFIG_MAP, namespace }, data: { 'ca.crt': bundle } },
        });
        this.written.set(namespace, bundle);
        this.backoff.reset();
      } catch (error) {
        log.warning('identity', 'the trust bundle cannot be written', { namespace, reason: (error as Error).message });
        return;
      }
    }
  }
}
