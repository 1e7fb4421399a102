import type { CertificateAuthority } from './certificate-authority';

/** Where the authority comes from. What it finds it loads; what cannot be used is said, and the last good one goes on. */
export interface AuthorityStore {
  /** For people: `Secret mesh/meshwright-authority`. */
  readonly name: string;
  /** Undefined until there is one. */
  readonly current: CertificateAuthority | undefined;
  /** Why there is none, or why the newest is not in force; undefined: nothing is wrong. */
  readonly problem: string | undefined;
  /** Told at each change, the first included. */
  subscribe(changed: (authority: CertificateAuthority) => void): void;
  start(): void;
  close(): Promise<void>;
}
