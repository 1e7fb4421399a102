import type { Clock } from '../../clock';
import type { Log } from '../log';
import { readAuthority, type AuthorityData } from './authority-secret';
import { CertificateAuthority } from './certificate-authority';

/** Loads what a store finds, one after the other, and tells of what is another than before. */
export class LoadedAuthority {
  current: CertificateAuthority | undefined;
  problem: string | undefined;
  private readonly listeners: ((authority: CertificateAuthority) => void)[] = [];
  private loading: Promise<void> = Promise.resolve();
  private loaded: string | undefined;

  constructor(private readonly what: string, private readonly clock: Clock, private readonly log: Log) {}

  subscribe(changed: (authority: CertificateAuthority) => void): void {
    this.listeners.push(changed);
  }

  /** Resolves when it is in force, or its problem is known. */
  async take(data: AuthorityData): Promise<void> {
    return (this.loading = this.loading.then(async () => this.load(data)));
  }

  refuse(problem: string): void {
    if (this.problem === problem) return;
    this.problem = problem;
    this.log[this.current ? 'error' : 'warning']('identity', this.current ? 'the authority cannot be used; the one before goes on' : 'there is no authority yet', { reason: problem });
  }

  private async load(data: AuthorityData): Promise<void> {
    const text = JSON.stringify(data);
    if (text === this.loaded) return;
    try {
      const { material, next, replaced } = readAuthority(data, this.what);
      const authority = await CertificateAuthority.load(material, this.what, this.clock.wallTime());
      this.current = authority;
      this.problem = undefined;
      this.loaded = text;
      this.log.info('identity', 'authority in force', {
        authority: this.what,
        fingerprint: await authority.fingerprint(),
        notAfter: new Date(authority.notAfter).toISOString(),
        roots: authority.trustBundle.match(/BEGIN CERTIFICATE/g)!.length,
        ...next && { rotation: 'trust' },
        ...replaced && { rotation: 'sign' },
      });
      for (const listener of this.listeners) listener(authority);
    } catch (error) {
      this.refuse((error as Error).message);
    }
  }
}
