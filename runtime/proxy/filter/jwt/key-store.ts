import { isDeepStrictEqual } from 'node:util';
import type { JwtProviderConfig, RemoteKeysConfig } from '../../config/types';
import { RemoteKeys, type RemoteKeysDependencies } from './remote-keys';

interface Entry {
  readonly issuer: string | undefined;
  readonly keys: RemoteKeys;
}

/** Keys that a proxy has fetched. They outlive the filters that use them: a change of rules, or of where keys are, costs nobody a token. */
export class KeyStore {
  private entries: Entry[] = [];

  constructor(private readonly deps: RemoteKeysDependencies) {}

  /** For a filter that may come into force. */
  of({ issuer }: Pick<JwtProviderConfig, 'issuer'>, config: RemoteKeysConfig): RemoteKeys {
    const same = this.entries.find((entry) => entry.issuer === issuer && isDeepStrictEqual(entry.keys.config, config));
    if (same !== undefined) return same.keys;
    const before = issuer === undefined ? undefined : this.entries.findLast((entry) => entry.issuer === issuer);
    const keys = new RemoteKeys(config, this.deps, before?.keys);
    this.entries.push({ issuer, keys });
    return keys;
  }

  /** What filters in force use goes on, or begins; the rest ends. */
  retain(used: ReadonlySet<RemoteKeys>): void {
    const gone = this.entries.filter(({ keys }) => !used.has(keys));
    this.entries = this.entries.filter(({ keys }) => used.has(keys));
    for (const { keys } of gone) keys.close();
    for (const { keys } of this.entries) keys.start();
  }
}
