import type { Clock } from '../../clock';
import { createRoot } from './authority-material';
import { dropOld, RotationError, signWithNext, trustNext, type AuthorityState } from './rotation';
import { trustName } from './trust-progress';
import { parseCertificates, x509 } from './x509';

/** The authority where it is kept, to be changed. */
export interface RotationStore {
  /** For people: `Secret shop/meshwright-authority`. */
  readonly name: string;
  read(): Promise<AuthorityState>;
  /** @throws where somebody else has changed it since it was read */
  write(state: AuthorityState): Promise<void>;
}

/** What the replicas of the control plane say of their proxies. */
export interface Awareness {
  /** `trustName` of the roots that each replica hands out. */
  readonly trusts: readonly string[];
  /** Who has not acknowledged them. */
  readonly behind: readonly string[];
  /** Longest life of a certificate, in milliseconds. */
  readonly lifetime: number;
}

export interface RotateRootDeps {
  readonly clock: Clock;
  readonly store: RotationStore;
  readonly awareness: () => Promise<Awareness>;
  /** A line for whoever waits. */
  readonly say: (line: string) => void;
  /** Milliseconds for which every proxy must have been aware without a break: a proxy between two connections is not seen for a moment. */
  readonly settle: number;
}

/** Milliseconds between two looks. */
const POLL = 500;
/** Milliseconds beyond the life of certificates that the old root stays trusted: a replica may hear a little later that it no longer signs. */
export const MARGIN = 5_000;

/**
 * Replaces the root of an authority by a new one, in the steps of `rotation`; before each it waits until the one before has reached every proxy. How far
 * it is stands in the store alone, so it may be ended at any time and started again: it goes on where it was.
 * @throws RotationError where the authority is not one that the mesh made itself
 */
export async function rotateRoot({ clock, store, awareness, say, settle }: RotateRootDeps): Promise<void> {
  let state = await store.read();
  if (!state.next && !state.replaced) {
    const root = await createRoot(ownTrustDomain(state, store.name), clock.wallTime());
    state = trustNext(state, root);
    await store.write(state);
    say(`1 of 3: ${store.name} has a new root beside the old one; waiting until every proxy trusts both`);
  }
  if (state.next) {
    await untilAware(state);
    state = signWithNext(await unchanged(state), clock.wallTime(), []);
    await store.write(state);
    say('2 of 3: the new root signs');
  }
  await untilAware(state);
  const { lifetime } = await awareness();
  const safe = state.replaced!.since + lifetime + MARGIN;
  if (clock.wallTime() < safe) {
    say(`waiting until ${new Date(safe).toISOString()}, when the last certificate of the old root has ended; this may be ended, and run again then`);
    await pause(safe - clock.wallTime());
  }
  await untilAware(state);
  state = dropOld(await unchanged(state), clock.wallTime(), lifetime);
  await store.write(state);
  say('3 of 3: the old root is no longer trusted; waiting until every proxy knows');
  await untilAware(state);
  say('the root is replaced');

  async function untilAware(wanted: AuthorityState): Promise<void> {
    const trust = trustName(wanted.material.trustBundle);
    let since: number | undefined;
    let said = '';
    for (;;) {
      const late = await awareness().then(({ trusts, behind }) => lateness(trust, trusts, behind), (error: Error) => error.message);
      if (late === undefined) since ??= clock.now();
      else since = undefined;
      if (since !== undefined && clock.now() - since >= settle) return;
      if (late !== undefined && late !== said) say(`  ${late}`);
      said = late ?? '';
      await pause(POLL);
    }
  }

  /** Somebody else may run the same. */
  async function unchanged(expected: AuthorityState): Promise<AuthorityState> {
    const now = await store.read();
    const same = now.next?.privateKey === expected.next?.privateKey && now.material.privateKey === expected.material.privateKey
      && now.material.trustBundle === expected.material.trustBundle;
    if (!same) throw new RotationError(`${store.name} was changed by somebody else meanwhile: run this again, it goes on where that has come to`);
    return now;
  }

  async function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void clock.setTimer(milliseconds, resolve));
  }
}

/** Why the roots are not everywhere; undefined: they are. */
function lateness(trust: string, trusts: readonly string[], behind: readonly string[]): string | undefined {
  if (trusts.length === 0) return 'no replica of the control plane says what its proxies trust';
  const old = trusts.filter((one) => one !== trust).length;
  if (old > 0) return `${old} of ${trusts.length} replicas of the control plane have not taken it yet`;
  return behind.length === 0 ? undefined : `not acknowledged yet by ${behind.slice(0, 5).join(', ')}${behind.length > 5 ? ` and ${behind.length - 5} more` : ''}`;
}

/** Trust domain of a root that the mesh made: it signs by itself, and names the domain. */
function ownTrustDomain({ material }: AuthorityState, what: string): string {
  const [signer] = parseCertificates(material.certificateChain, `${what}, tls.crt`);
  const names = signer!.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const domain = names.flatMap(({ type, value }) => (type === 'url' && value.startsWith('spiffe://') ? [value.slice('spiffe://'.length)] : []))[0];
  if (domain !== undefined && signer!.subject === signer!.issuer) return domain;
  throw new RotationError(`${what}: ${signer!.subject} is an intermediate of ${signer!.issuer}, and not a root of this mesh: replace it where it comes from. `
    + 'First add the new root to ca.crt, then let the intermediate be signed by it, and a day later take the old root out of ca.crt');
}
