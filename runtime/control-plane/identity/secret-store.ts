import type { Clock, Timer } from '../../clock';
import { ApiError, type ApiObject, type KubernetesApi } from '../kubernetes';
import type { Log } from '../log';
import { Gate } from '../source/kubernetes/gate';
import { Reflector } from '../source/kubernetes/reflector';
import { createRoot } from './authority-material';
import { writeAuthority, type AuthorityData } from './authority-secret';
import type { AuthorityStore } from './authority-store';
import type { CertificateAuthority } from './certificate-authority';
import { LoadedAuthority } from './loaded-authority';

export interface SecretStoreDeps {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly namespace: string;
  /** Of the Secret. */
  readonly name: string;
  /** Trust domain of an authority that is made where there is none; undefined: somebody else brings it, and it is waited for. */
  readonly create: string | undefined;
}

/** Milliseconds after which a Secret that could not be made is tried again. */
const RETRY = 2000;

/**
 * The authority in a Secret, watched: all replicas have the same. Where there is none, and it is this mesh's own to make, the first replica that
 * creates it has made it for all; the API lets only one.
 */
export class SecretAuthorityStore implements AuthorityStore {
  readonly name: string;
  private readonly loaded: LoadedAuthority;
  private readonly reflector: Reflector<AuthorityData>;
  private retry: Timer | undefined;
  private making: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly deps: SecretStoreDeps) {
    const { namespace, name, clock, log, api, random } = deps;
    this.name = `Secret ${namespace}/${name}`;
    this.loaded = new LoadedAuthority(this.name, clock, log);
    const take = (data: AuthorityData): void => void this.loaded.take(data);
    this.reflector = new Reflector({ group: '', versions: ['v1'], plural: 'secrets', namespace, fieldSelector: `metadata.name=${name}` }, {
      api, clock, random, gate: new Gate(),
      keep: decoded,
      replaced: ([data]) => {
        if (data === undefined) this.missing();
        else take(data);
      },
      changed: take,
      // A Secret that was deleted by mistake takes nobody's certificates away.
      deleted: () => this.loaded.refuse(`${this.name} was deleted`),
      state: (problem) => { if (problem !== undefined && !this.loaded.current) this.loaded.refuse(problem); },
    });
  }

  get current(): CertificateAuthority | undefined { return this.loaded.current; }
  get problem(): string | undefined { return this.loaded.problem; }

  subscribe(changed: (authority: CertificateAuthority) => void): void {
    this.loaded.subscribe(changed);
  }

  start(): void {
    this.reflector.start();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.retry?.cancel();
    this.reflector.close();
    await this.making;
  }

  private missing(): void {
    const { create } = this.deps;
    if (create === undefined) this.loaded.refuse(`${this.name} is not there; whoever issues the intermediate has to write it`);
    else if (!this.making) this.making = this.make(create).finally(() => { this.making = undefined; });
  }

  private async make(trustDomain: string): Promise<void> {
    const { api, clock, log, name, namespace } = this.deps;
    try {
      const material = await createRoot(trustDomain, clock.wallTime());
      await api.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/secrets`,
        body: {
          apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name, namespace },
          data: encoded(writeAuthority({ material, next: undefined, replaced: undefined })),
        },
      });
      log.info('identity', 'authority made', { authority: this.name, trustDomain });
    } catch (error) {
      // Another replica was first: the watch brings what it made.
      if ((error as ApiError).status === 409 || this.closed) return;
      this.loaded.refuse(`${this.name} cannot be made: ${(error as Error).message}`);
      this.retry = clock.setTimer(RETRY, () => { if (!this.current) this.missing(); });
    }
  }
}

/** Data of a Secret, as text. */
export function decoded({ data }: ApiObject): AuthorityData {
  return Object.fromEntries(Object.entries((data ?? {}) as Record<string, string>).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}

export function encoded(data: AuthorityData): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}
