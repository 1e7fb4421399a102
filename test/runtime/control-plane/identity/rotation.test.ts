import { webcrypto } from 'node:crypto';
import * as fc from 'fast-check';
import { createRoot, type AuthorityMaterial } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { dropOld, RotationError, signWithNext, trustNext, type AuthorityState } from '../../../../runtime/control-plane/identity/rotation';
import { SIGNING, x509 } from '../../../../runtime/control-plane/identity/x509';

const NOW = Date.UTC(2026, 0, 1);
const LIFETIME = 24 * 3_600_000;
const stateOf = (material: AuthorityMaterial): AuthorityState => ({ material, next: undefined, replaced: undefined });

async function leaf({ material }: AuthorityState, now: number): Promise<{ chain: string; notAfter: number }> {
  const authority = await CertificateAuthority.load(material, 'test', now);
  const keys = await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=a', keys, signingAlgorithm: SIGNING });
  return authority.issue(request.toString('pem'), { identity: 'spiffe://a/ns/b/sa/c', lifetime: LIFETIME }, now);
}

async function trusted(chain: string, bundle: string): Promise<boolean> {
  const certificate = new x509.X509Certificate(chain);
  const roots = bundle.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)!.map((pem) => new x509.X509Certificate(pem));
  const signed = roots.map(async (root) => certificate.verify({ publicKey: root, signatureOnly: true }).catch(() => false));
  return (await Promise.all(signed)).includes(true);
}

test('the three steps replace a root by another', async () => {
  const [old, root] = await Promise.all([createRoot('a', NOW), createRoot('a', NOW)]);
  const trusting = trustNext(stateOf(old), root);
  expect(trusting.material.certificateChain).toBe(old.certificateChain);
  expect(trusting.material.trustBundle.match(/BEGIN/g)).toHaveLength(2);
  const signing = signWithNext(trusting, NOW, []);
  expect(signing.material.certificateChain).toBe(root.certificateChain);
  expect(signing.material.privateKey).toBe(root.privateKey);
  expect(signing.material.trustBundle).toBe(trusting.material.trustBundle);
  expect(dropOld(signing, NOW + LIFETIME, LIFETIME)).toEqual(stateOf(root));
});

test('whoever goes by the steps cuts nobody off: every certificate that still lives is trusted by every bundle in force', async () => {
  const roots = await Promise.all(Array.from({ length: 4 }, async () => createRoot('a', NOW)));
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ step: fc.constantFrom('trust', 'sign', 'drop'), wait: fc.integer({ min: 0, max: 30 * 3_600_000 }), unaware: fc.boolean() }), { maxLength: 12 }),
    async (steps) => {
      let state = stateOf(roots[0]!);
      let now = NOW;
      let fresh = 1;
      const living: Array<{ chain: string; notAfter: number }> = [];
      for (const { step, wait, unaware } of steps) {
        // The last moment of the state before the step is when its latest certificate is made.
        now += wait;
        living.push(await leaf(state, now));
        try {
          if (step === 'trust') state = trustNext(state, roots[fresh++ % roots.length]!);
          else if (step === 'sign') state = signWithNext(state, now, unaware ? ['payment-1'] : []);
          else state = dropOld(state, now, LIFETIME);
        } catch (error) {
          if (!(error instanceof RotationError)) throw error;
        }
        for (const { chain, notAfter } of living) if (notAfter > now) expect(await trusted(chain, state.material.trustBundle)).toBe(true);
        // What signs is always something that loads.
        await CertificateAuthority.load(state.material, 'test', now);
      }
    },
  ), { numRuns: 15 });
});

test.each<[string, () => Promise<unknown>, string]>([
  ['sign before trust', async () => signWithNext(stateOf(await createRoot('a', NOW)), NOW, []), 'begin with trust'],
  ['drop with one root', async () => dropOld(stateOf(await createRoot('a', NOW)), NOW, LIFETIME), 'there is nothing to drop'],
  ['trust twice', async () => trustNext(trustNext(stateOf(await createRoot('a', NOW)), await createRoot('a', NOW)), await createRoot('a', NOW)), 'go on with sign'],
  ['drop before sign', async () => dropOld(trustNext(stateOf(await createRoot('a', NOW)), await createRoot('a', NOW)), NOW, LIFETIME), 'go on with sign'],
  ['sign while a proxy does not know', async () => signWithNext(trustNext(stateOf(await createRoot('a', NOW)), await createRoot('a', NOW)), NOW, ['payment-1.shop', 'order-1.shop']),
    '2 proxies do not trust the new root yet, payment-1.shop, order-1.shop among them'],
  ['drop while certificates live', async () => dropOld(signWithNext(trustNext(stateOf(await createRoot('a', NOW)), await createRoot('a', NOW)), NOW, []), NOW + LIFETIME - 1, LIFETIME),
    'certificates of the old root are valid until 2026-01-02T00:00:00.000Z'],
  ['trust before drop', async () => trustNext(signWithNext(trustNext(stateOf(await createRoot('a', NOW)), await createRoot('a', NOW)), NOW, []), await createRoot('a', NOW)), 'end its rotation with drop'],
])('%s is refused, with what comes first', async (_, step, reason) => {
  await expect(step).rejects.toThrow(reason);
  await expect(step).rejects.toBeInstanceOf(RotationError);
});
