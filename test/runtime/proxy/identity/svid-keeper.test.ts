import { createPrivateKey, X509Certificate } from 'node:crypto';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { createRoot } from '../../../../runtime/control-plane/identity/authority-material';
import { CertificateAuthority } from '../../../../runtime/control-plane/identity/certificate-authority';
import { certificateRequest } from '../../../../runtime/proxy/identity/certificate-request';
import { newKey } from '../../../../runtime/proxy/identity/key';
import { SvidKeeper } from '../../../../runtime/proxy/identity/svid-keeper';
import type { Svid } from '../../../../runtime/proxy/identity/types';
import { createLog } from '../../../../runtime/proxy/observe/log';

const HOUR = 3_600_000;
const LIFETIME = 24 * HOUR;
const IDENTITY = 'spiffe://shop.example/ns/shop/sa/payment';

/** As in a process of its own. */
async function makeCertificateRequest() {
  const { privateKey, publicKey, sign } = await newKey();
  return { privateKey, request: await certificateRequest(publicKey, async (bytes) => sign(bytes)) };
}

async function keeper(options: { random?: () => number } = {}) {
  const clock = new VirtualClock();
  const lines: Array<{ level: string; message: string; fields: Record<string, unknown> }> = [];
  const taken: Svid[] = [];
  const authority = await CertificateAuthority.load(await createRoot('shop.example', clock.wallTime()), 'test', clock.wallTime());
  const state = { down: undefined as string | undefined, asked: 0 };
  const made = new SvidKeeper({
    clock,
    random: options.random ?? (() => 0.5),
    log: createLog(clock, 'debug', (line) => lines.push(JSON.parse(line))),
    makeRequest: makeCertificateRequest,
    issue: async (request) => {
      state.asked++;
      if (state.down !== undefined) throw new Error(state.down);
      const { chain } = await authority.issue(request, { identity: IDENTITY, lifetime: LIFETIME }, clock.wallTime());
      return { certificateChain: chain, trustBundle: authority.trustBundle };
    },
    changed: (svid) => taken.push(svid),
  });
  const wait = async (milliseconds: number) => {
    clock.advance(milliseconds);
    await made.settled();
  };
  return { clock, lines, taken, state, keeper: made, wait };
}

test('the first certificate is of a key that only the proxy has', async () => {
  const { keeper: kept, taken } = await keeper();
  kept.start();
  await kept.settled();
  const [svid] = taken;
  expect(svid).toMatchObject({ identity: IDENTITY });
  expect(new X509Certificate(svid!.certificateChain).checkPrivateKey(createPrivateKey(svid!.privateKey))).toBe(true);
  kept.close();
});

test('it is renewed at half of its life, with another key', async () => {
  const { keeper: kept, taken, wait } = await keeper();
  kept.start();
  await kept.settled();
  await wait(LIFETIME / 2 - 60_000);
  expect(taken).toHaveLength(1);
  await wait(60_000);
  expect(taken).toHaveLength(2);
  expect(taken[1]!.privateKey).not.toBe(taken[0]!.privateKey);
  expect(taken[1]!.notAfter).toBeGreaterThan(taken[0]!.notAfter);
  kept.close();
});

test.each([[0, 0.4], [0.999_999, 0.6]])('proxies that started together renew apart: chance %d at %d of the life', async (chance, part) => {
  const { keeper: kept, taken, wait } = await keeper({ random: () => chance });
  kept.start();
  await kept.settled();
  await wait(LIFETIME * part - 120_000);
  expect(taken).toHaveLength(1);
  await wait(120_000);
  expect(taken).toHaveLength(2);
  kept.close();
});

test('without an authority it asks again, at most once a minute, and goes on with what it has', async () => {
  const { keeper: kept, taken, wait, state, lines } = await keeper();
  kept.start();
  await kept.settled();
  state.down = '14 UNAVAILABLE: there is no authority yet';
  await wait(LIFETIME / 2);
  for (let minute = 0; minute < 60; minute++) await wait(60_000);
  expect(state.asked).toBeGreaterThan(50);
  expect(state.asked).toBeLessThan(100);
  expect(kept.svid).toBe(taken[0]);
  expect(lines.at(-1)).toMatchObject({ level: 'warning', message: 'certificate cannot be renewed; the present one goes on', fields: { reason: state.down } });
  state.down = undefined;
  await wait(60_000);
  expect(taken).toHaveLength(2);
  expect(kept.stats.failed).toBe(state.asked - 2);
  kept.close();
});

test('an end without a renewal is an error in the log', async () => {
  const { keeper: kept, wait, state, lines } = await keeper();
  kept.start();
  await kept.settled();
  state.down = 'no route to host';
  await wait(LIFETIME / 2);
  for (let hour = 0; hour < 13; hour++) await wait(HOUR);
  expect(lines.at(-1)).toMatchObject({ level: 'error', message: 'there is no valid certificate, and none is to be had', fields: { reason: 'no route to host', validForMs: 0 } });
  kept.close();
});

test('it may be told to renew now; told twice it asks once', async () => {
  const { keeper: kept, taken, state } = await keeper();
  kept.start();
  await kept.settled();
  kept.renew();
  kept.renew();
  await kept.settled();
  expect([taken.length, state.asked]).toEqual([2, 2]);
  kept.close();
});

test('closed, it asks nobody, and takes nothing', async () => {
  const { keeper: kept, taken, wait, state } = await keeper();
  kept.start();
  kept.close();
  await kept.settled();
  await wait(LIFETIME);
  expect([taken.length, state.asked]).toEqual([0, 1]);
});

test('a certificate of nobody is not taken', async () => {
  const clock = new VirtualClock();
  const authority = await CertificateAuthority.load(await createRoot('shop.example', clock.wallTime()), 'test', clock.wallTime());
  const lines: string[] = [];
  const kept = new SvidKeeper({
    clock, random: () => 0, log: createLog(clock, 'debug', (line) => lines.push(line)), makeRequest: makeCertificateRequest, changed: () => { throw new Error('taken'); },
    issue: async (request) => ({
      certificateChain: (await authority.issue(request, { identity: 'https://shop.example', lifetime: LIFETIME }, clock.wallTime())).chain, trustBundle: '',
    }),
  });
  kept.start();
  await kept.settled();
  expect(lines.join()).toContain('without a SPIFFE ID, for URI:https://shop.example');
  kept.close();
});

test('no key stands in the log', async () => {
  const { keeper: kept, taken, lines } = await keeper();
  kept.start();
  await kept.settled();
  expect(JSON.stringify(lines)).not.toContain('PRIVATE');
  expect(JSON.stringify(lines)).not.toContain(taken[0]!.privateKey.split('\n')[1]);
  kept.close();
});
