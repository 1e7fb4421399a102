import { createHmac, randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import type { PodSpec } from './types';
import { tokensFile } from './workloads';

/** Tokens of a run's pods: the same for the same pod, worth nothing in any other run. */
export function tokenMaker(): (pod: string) => string {
  const secret = randomBytes(32);
  return (pod) => createHmac('sha256', secret).update(pod).digest('base64url');
}

/** Writes the tokens of pods where their proxies, and the control plane, look for them. Only their owner may read them. */
export function writeIdentities(state: string, pods: readonly PodSpec[]): void {
  const known: Record<string, object> = {};
  for (const { identity, name, namespace } of pods) {
    if (!identity) continue;
    known[identity.token] = { namespace, serviceAccount: identity.serviceAccount, pod: name };
    write(identity.tokenFile, identity.token);
  }
  write(tokensFile(state), JSON.stringify(known));
}

function write(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
