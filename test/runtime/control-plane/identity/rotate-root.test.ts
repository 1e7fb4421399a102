import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { MARGIN, rotateRoot, type Awareness, type RotationStore } from '../../../../runtime/control-plane/identity/rotate-root';
import { signWithNext, trustNext, type AuthorityState } from '../../../../runtime/control-plane/identity/rotation';
import { trustName } from '../../../../runtime/control-plane/identity/trust-progress';
import { SIGNING, x509 } from '../../../../runtime/control-plane/identity/x509';
import { WatchedClock } from '../support/watched-clock';

const LIFETIME = 3_600_000;
const SETTLE = 10_000;

/** An authority, and a mesh whose proxies learn of it when the test says so. */
async function world() {
  const clock = new WatchedClock();
  const old = await createRoot('shop.example', clock.wallTime());
  const states: AuthorityState[] = [{ material: old, next: undefined, replaced: undefined }];
  const said: string[] = [];
  const mesh: { awareness: Awareness | Error } = { awareness: { trusts: [], behind: [], lifetime: LIFETIME } };
  const current = () => states.at(-1)!;
  const store: RotationStore = { name: 'Secret mesh/authority', read: async () => current(), write: async (state) => { states.push(state); } };
  const told = (lag: readonly string[] = []): void => {
    const trust = trustName(current().material.trustBundle);
    mesh.awareness = { trusts: [trust, trust], behind: lag, lifetime: LIFETIME };
  };
  const run = () => {
    let outcome: string | undefined;
    const awareness = async () => (mesh.awareness instanceof Error ? Promise.reject(mesh.awareness) : mesh.awareness);
    void rotateRoot({ clock, store, awareness, settle: SETTLE, say: (line) => said.push(line) })
      .then(() => { outcome = 'done'; }, (error: Error) => { outcome = error.message; });
    return { get outcome() { return outcome; } };
  };
  /** Nothing happens for so long. */
  const calm = async (milliseconds: number) => {
    const [end, steps] = [clock.now() + milliseconds, states.length];
    await clock.run(() => clock.now() > end, 500);
    expect(states).toHaveLength(steps);
  };
  told();
  return { clock, old, states, said, mesh, told, run, calm, current };
}

test('each step waits until the one before has reached every proxy, the last until the old certificates have ended', async () => {
  const { clock, old, states, said, mesh, told, run, calm, current } = await world();
  const rotation = run();
  await clock.run(() => states.length === 2);
  expect(current().material.privateKey).toBe(old.privateKey);
  // The replicas have not heard of it; then one proxy has not; then a replica does not answer.
  await calm(60_000);
  told(['order-1.shop']);
  await calm(60_000);
  mesh.awareness = new Error('10.0.0.1:15014: connect ECONNREFUSED');
  await calm(60_000);
  told();
  await clock.run(() => states.length === 3);
  expect(current().material.privateKey).toBe(states[1]!.next!.privateKey);
  expect(current().material.trustBundle).toBe(states[1]!.material.trustBundle);
  told();
  await calm(LIFETIME);
  await clock.run(() => states.length === 4);
  expect(clock.wallTime()).toBeGreaterThanOrEqual(states[2]!.replaced!.since + LIFETIME + MARGIN);
  expect(current().material.trustBundle).not.toContain(old.trustBundle.trim());
  expect(rotation.outcome).toBeUndefined();
  told();
  await clock.run(() => rotation.outcome !== undefined);
  expect(rotation.outcome).toBe('done');
  await CertificateAuthority.load(current().material, 'test', clock.wallTime());
  expect(said).toEqual([
    '1 of 3: Secret mesh/authority has a new root beside the old one; waiting until every proxy trusts both',
    '  2 of 2 replicas of the control plane have not taken it yet',
    '  not acknowledged yet by order-1.shop',
    '  10.0.0.1:15014: connect ECONNREFUSED',
    '2 of 3: the new root signs',
    expect.stringMatching(/^waiting until .*Z, when the last certificate of the old root has ended/) as string,
    '3 of 3: the old root is no longer trusted; waiting until every proxy knows',
    '  2 of 2 replicas of the control plane have not taken it yet',
    'the root is replaced',
  ]);
  expect(said.join()).not.toContain('PRIVATE');
});

test('a proxy that is seen to lag for a moment begins the wait anew', async () => {
  const { clock, states, told, run } = await world();
  run();
  await clock.run(() => states.length === 2);
  for (let i = 0; i < 5; i++) {
    told();
    const end = clock.now() + SETTLE - 1000;
    await clock.run(() => clock.now() > end, 500);
    told(['order-1.shop']);
    const then = clock.now() + 1000;
    await clock.run(() => clock.now() > then, 500);
  }
  expect(states).toHaveLength(2);
  told();
  await clock.run(() => states.length === 3);
});

test('one that was ended goes on where it was', async () => {
  const { clock, states, told, run, current } = await world();
  const root = await createRoot('shop.example', clock.wallTime());
  states.push(trustNext(current(), root));
  told();
  const again = run();
  await clock.run(() => states.length === 3);
  expect(current().material.privateKey).toBe(root.privateKey);
  told();
  await clock.run(() => states.length === 4, 5000);
  told();
  await clock.run(() => again.outcome === 'done');
  // No second root was made.
  expect(current().material).toEqual(root);
});

test('two at once: one of them ends, and says why', async () => {
  const { clock, states, told, run, current } = await world();
  const rotation = run();
  await clock.run(() => states.length === 2);
  states.push(signWithNext(current(), clock.wallTime(), []));
  told();
  await clock.run(() => rotation.outcome !== undefined);
  expect(rotation.outcome).toBe('Secret mesh/authority was changed by somebody else meanwhile: run this again, it goes on where that has come to');
});

test('an intermediate of somebody else is refused, with what to do', async () => {
  const { clock, states, run } = await world();
  const keys = await crypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({ name: 'CN=corporate root', keys, signingAlgorithm: SIGNING });
  const own = await crypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const intermediate = await x509.X509CertificateGenerator.create({
    subject: 'CN=mesh', issuer: root.subject, signingKey: keys.privateKey, publicKey: own.publicKey, signingAlgorithm: SIGNING,
  });
  const material = { certificateChain: intermediate.toString('pem'), privateKey: 'unused', trustBundle: root.toString('pem') };
  states.push({ material, next: undefined, replaced: undefined });
  const rotation = run();
  await clock.run(() => rotation.outcome !== undefined);
  expect(rotation.outcome).toContain('CN=mesh is an intermediate of CN=corporate root, and not a root of this mesh: replace it where it comes from');
  expect(states).toHaveLength(2);
});
