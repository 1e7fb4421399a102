import { mergedBundle, type AuthorityMaterial } from './authority-material';

/**
 * A root is replaced in three steps, each safe only when the one before it is everywhere: everybody trusts both roots; the new one signs; the old one
 * is dropped. In between any workload can follow the certificate of any other.
 */
export type RotationStep = 'trust' | 'sign' | 'drop';

/** An authority and how far the replacement of its root is. */
export interface AuthorityState {
  readonly material: AuthorityMaterial;
  /** What is trusted already and does not sign yet. */
  readonly next: AuthorityMaterial | undefined;
  /** Since when what signs now has signed, in milliseconds since 1970, and the roots that it alone needs; undefined while no older root is trusted. */
  readonly replaced: { readonly since: number; readonly trustBundle: string } | undefined;
}

/** A step was asked for that would cut workloads off, or that does not come now; the text says what to do instead. */
export class RotationError extends Error {
  override readonly name = 'RotationError';
}

/** Everybody trusts the new root beside the old one. */
export function trustNext(state: AuthorityState, root: AuthorityMaterial): AuthorityState {
  if (state.next) throw new RotationError('a new root is trusted already: go on with sign');
  if (state.replaced) throw new RotationError('the root before this one is still trusted: end its rotation with drop first');
  const { material } = state;
  return {
    ...state,
    material: { ...material, trustBundle: mergedBundle(material.trustBundle, root.trustBundle) },
    next: root,
  };
}

/**
 * The new root signs from now on.
 * @param unaware proxies that have not acknowledged the bundle with both roots: they would refuse what the new one signs
 */
export function signWithNext(state: AuthorityState, now: number, unaware: readonly string[]): AuthorityState {
  const { material, next } = state;
  if (!next) throw new RotationError('no new root is trusted yet: begin with trust');
  if (unaware.length > 0) {
    throw new RotationError(`${unaware.length} proxies do not trust the new root yet, ${unaware.slice(0, 3).join(', ')} among them: wait until they have acknowledged it, or remove them`);
  }
  return {
    material: { ...next, trustBundle: material.trustBundle },
    next: undefined,
    replaced: { since: now, trustBundle: next.trustBundle },
  };
}

/**
 * Only the root that signs is trusted from now on.
 * @param lifetime milliseconds that certificates live: until the last one of the old root has ended, somebody may still show it
 */
export function dropOld(state: AuthorityState, now: number, lifetime: number): AuthorityState {
  const { material, next, replaced } = state;
  if (next) throw new RotationError('the new root does not sign yet: go on with sign');
  if (!replaced) throw new RotationError('only one root is trusted: there is nothing to drop');
  const safe = replaced.since + lifetime;
  if (now < safe) {
    throw new RotationError(`certificates of the old root are valid until ${new Date(safe).toISOString()}: wait until then, as a workload that shows one would be refused`);
  }
  return { ...state, material: { ...material, trustBundle: replaced.trustBundle }, replaced: undefined };
}
