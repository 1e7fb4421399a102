import type { Clock, Timer } from '../../clock';
import { Backoff, type ApiObject, type KubernetesApi } from '../kubernetes';
import type { Log } from '../log';
import { Gate } from '../source/kubernetes/gate';
import { Reflector } from '../source/kubernetes/reflector';

const GROUP = 'admissionregistration.k8s.io';
const PLURAL = 'mutatingwebhookconfigurations';
const FIELD_MANAGER = 'meshwright-control-plane';

export interface WebhookBundleDeps {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Name of the MutatingWebhookConfiguration. */
  readonly name: string;
}

interface Webhook {
  readonly name: string;
  readonly clientConfig?: { readonly caBundle?: string };
}

/**
 * Keeps the roots by which the API server knows the webhook in its configuration: written when they are others, and again whenever somebody has
 * applied the configuration without them. Every replica says the same, so none of them has to be the one that does.
 */
export class WebhookBundle {
  private readonly reflector: Reflector<readonly Webhook[]>;
  private webhooks: readonly Webhook[] = [];
  private bundle: string | undefined;
  private writing: Promise<void> | undefined;
  private timer: Timer | undefined;
  private closed = false;
  private readonly backoff: Backoff;

  constructor(private readonly deps: WebhookBundleDeps) {
    const { api, clock, random, log, name } = deps;
    this.backoff = new Backoff(500, 10_000, random);
    let problem: string | undefined;
    this.reflector = new Reflector<readonly Webhook[]>({ group: GROUP, versions: ['v1'], plural: PLURAL, fieldSelector: `metadata.name=${name}` }, {
      api, clock, random, gate: new Gate(),
      keep: webhooksOf,
      replaced: ([first]) => this.saw(first ?? []),
      changed: (webhooks) => this.saw(webhooks),
      deleted: () => this.saw([]),
      state: (text) => {
        if (text !== undefined && text !== problem) log.warning('injector', text);
        problem = text;
      },
    });
  }

  start(): void {
    this.reflector.start();
  }

  /** @param pem the roots that are trusted from now on */
  update(pem: string): void {
    this.bundle = Buffer.from(pem).toString('base64');
    this.work();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.reflector.close();
    this.timer?.cancel();
    await this.writing;
  }

  private saw(webhooks: readonly Webhook[]): void {
    this.webhooks = webhooks;
    this.work();
  }

  private stale(): readonly Webhook[] {
    return this.bundle === undefined ? [] : this.webhooks.filter(({ clientConfig }) => clientConfig?.caBundle !== this.bundle);
  }

  private work(): void {
    if (this.writing || this.closed || this.stale().length === 0) return;
    this.timer?.cancel();
    this.writing = this.write().then(() => this.backoff.reset(), (error: Error) => {
      this.deps.log.warning('injector', 'the roots cannot be written into the webhook\'s configuration', { name: this.deps.name, reason: error.message });
      if (!this.closed) this.timer = this.deps.clock.setTimer(this.backoff.next(), () => this.work());
    }).finally(() => {
      this.writing = undefined;
    });
  }

  private async write(): Promise<void> {
    const { api, log, name } = this.deps;
    const caBundle = this.bundle;
    const written = await api.request<ApiObject>({
      method: 'PATCH',
      path: `/apis/${GROUP}/v1/${PLURAL}/${name}?fieldManager=${FIELD_MANAGER}`,
      contentType: 'application/strategic-merge-patch+json',
      body: { webhooks: this.stale().map((webhook) => ({ name: webhook.name, clientConfig: { caBundle } })) },
    });
    this.webhooks = webhooksOf(written);
    log.info('injector', 'roots written into the webhook\'s configuration', { name });
    // They may have changed while they were on their way.
    if (this.bundle !== caBundle) queueMicrotask(() => this.work());
  }
}

function webhooksOf(object: ApiObject): readonly Webhook[] {
  const webhooks = (object.webhooks ?? []) as readonly Webhook[];
  return webhooks.map(({ name, clientConfig }) => ({ name, clientConfig: { caBundle: clientConfig?.caBundle } }));
}
