import { TRUST_CONFIG_MAP } from '../../../src/contract';
import type { Clock, Timer } from '../../clock';
import { Backoff, type KubernetesApi } from '../kubernetes';
import type { Log } from '../log';

/** Milliseconds after which everything is written again. */
const AGAIN = 5 * 60_000;
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
 * written when it is another one, when a namespace joins, and again every few minutes, as somebody may have deleted it.
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
    // One that leaves may be deleted, and come back empty.
    for (const namespace of this.written.keys()) if (!namespaces.includes(namespace)) this.written.delete(namespace);
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
      if (this.closed) return;
      const late = this.missing().length > 0;
      this.timer = this.deps.clock.setTimer(late ? this.backoff.next() : AGAIN, () => {
        if (!late) this.written.clear();
        this.work();
      });
    });
  }

  private missing(): string[] {
    const { wanted, written } = this;
    return wanted ? wanted.namespaces.filter((namespace) => written.get(namespace) !== wanted.bundle) : [];
  }

  private async write(): Promise<void> {
    const { api, log } = this.deps;
    let failed = false;
    for (const namespace of this.missing()) {
      if (this.closed) return;
      const { bundle } = this.wanted!;
      try {
        await api.request({
          method: 'PATCH',
          path: `/api/v1/namespaces/${namespace}/configmaps/${TRUST_CONFIG_MAP}?fieldManager=${FIELD_MANAGER}&force=true`,
          contentType: 'application/apply-patch+yaml',
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: TRUST_CONFIG_MAP, namespace }, data: { 'ca.crt': bundle } },
        });
        this.written.set(namespace, bundle);
      } catch (error) {
        // Of this namespace, which may be on its way out: the others do not wait for it.
        failed = true;
        log.warning('identity', 'the trust bundle cannot be written', { namespace, reason: (error as Error).message });
      }
    }
    if (!failed) this.backoff.reset();
  }
}
