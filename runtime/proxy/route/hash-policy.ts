import type { RequestHash } from '../cluster/types';
import { xxHash64, xxHashResult } from '../cluster/xxhash64';
import type { HashKeyConfig, HashPolicyConfig } from '../config/types';
import { cookieValue, queryValue } from './path';
import type { MadeCookies, RequestHead } from './types';
import { headerReader } from './value-match';

/** Reads the value that a key names; undefined where the request has none. An empty cookie is none. */
export function compileKey(key: HashKeyConfig): (head: RequestHead) => string | undefined {
  switch (key.kind) {
    case 'header': return headerReader(key.name);
    case 'query': return (head) => queryValue(head.path, key.name);
    case 'source_ip': return (head) => head.peerAddress || undefined;
    case 'cookie': return (head) => {
      const header = head.header('cookie');
      return header === undefined ? undefined : cookieValue(header, key.name) || undefined;
    };
  }
}

interface CompiledPolicy {
  readonly read: (head: RequestHead) => string | undefined;
  readonly terminal: boolean;
  /** Writes the `set-cookie` value for a new cookie of that value; undefined where a missing cookie stays missing. */
  readonly cookie: ((value: string) => string) | undefined;
}

/**
 * The hash of a request by its policies, as envoy.config.route.v3.RouteAction.HashPolicy: what each finds is hashed, the hash so far rotated by
 * one bit and combined by exclusive or; a terminal policy that leaves a hash ends it. Undefined where no policy found a value.
 *
 * A cookie policy with a ttl makes a cookie where the client sent none: a random value, sent back to it (a ttl of 0: for its session), so that its
 * next request hashes alike. Each such policy that is reached makes its own.
 */
export function compileHash(
  policies: readonly HashPolicyConfig[], random: () => number,
): (head: RequestHead, made: MadeCookies) => RequestHash | undefined {
  if (policies.length === 0) return () => undefined;
  const compiled = policies.map(compilePolicy);
  return (head, made) => {
    let found = false;
    let hi = 0;
    let lo = 0;
    for (const policy of compiled) {
      let value = policy.read(head);
      if (value === undefined && policy.cookie !== undefined) {
        value = randomHex(random);
        made.setCookies.push(policy.cookie(value));
      }
      if (value !== undefined) {
        xxHash64(value);
        const rotatedHi = (hi << 1) | (lo >>> 31);
        lo = ((lo << 1) | (hi >>> 31)) ^ xxHashResult.lo;
        hi = rotatedHi ^ xxHashResult.hi;
        found = true;
      }
      if (policy.terminal && found) break;
    }
    return found ? { hi, lo } : undefined;
  };
}

function compilePolicy({ key, terminal }: HashPolicyConfig): CompiledPolicy {
  return { read: compileKey(key), terminal, cookie: key.kind === 'cookie' && key.ttl !== undefined ? setCookie(key, key.ttl) : undefined };
}

function setCookie(key: { readonly name: string; readonly path: string }, ttl: number): (value: string) => string {
  const seconds = Math.floor(ttl / 1000);
  const attributes = `${seconds > 0 ? `; Max-Age=${seconds}` : ''}${key.path === '' ? '' : `; Path=${key.path}`}; HttpOnly`;
  return (value) => `${key.name}="${value}"${attributes}`;
}

function randomHex(random: () => number): string {
  const half = () => Math.floor(random() * 0x100000000).toString(16).padStart(8, '0');
  return half() + half();
}
