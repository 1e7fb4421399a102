import { FrameType } from '../../../../../runtime/proxy/http2/protocol';
import { frame, framesOf, nextRound, POST, SETTINGS_ACK, START } from '../../support/frames';
import { OK, parseAnswer } from '../../support/harness';
import type { MemoryConnection } from '../../support/memory-transport';
import { IssuerKey, jwks } from '../../support/tokens';
import { answerKeys, ask, CLAIMS, configured, end, fetches, filter, harness, key, metrics, MINUTE, requests, second, served, start, untilFetch } from './support';

afterEach(end);

describe('keys', () => {
  test('are fetched when the first token asks for them; all who come meanwhile wait for the one fetch', async () => {
    await start();
    const clients = [1, 2, 3].map((jti) => ask(key.token({ ...CLAIMS, jti })));
    const wrong = ask(new IssuerKey('ES256', key.id).token(CLAIMS));
    expect([fetches().length, requests().length]).toEqual([1, 0]);
    expect(fetches()[0].received).toBe('GET /jwks HTTP/1.1\r\nhost: login.example\r\naccept: application/json\r\nuser-agent: meshwright\r\nconnection: close\r\n\r\n');
    answerKeys(jwks(key));
    expect(requests()).toHaveLength(3);
    expect(parseAnswer(wrong.received).status).toBe(401);
    clients.forEach((client, at) => served(client, at));
  });

  test('in chunks, in pieces, and behind an interim answer', async () => {
    await start();
    const client = ask(key.token(CLAIMS));
    const document = jwks(key);
    const chunks = `${(20).toString(16)}\r\n${document.slice(0, 20)}\r\n${(document.length - 20).toString(16)}\r\n${document.slice(20)}\r\n0\r\n\r\n`;
    fetches()[0].deliver(`HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`, 7);
    harness.transport.settle();
    served(client);
  });

  test.each([
    ['refuses', (fetch: MemoryConnection) => fetch.deliverReset('connect_failed')],
    ['is gone before its answer is whole', (fetch: MemoryConnection) => { fetch.deliver('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'); fetch.deliverEnd(); }],
    ['answers an error', (fetch: MemoryConnection) => fetch.deliver('HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n')],
    ['redirects', (fetch: MemoryConnection) => fetch.deliver('HTTP/1.1 302 Found\r\nlocation: http://evil/\r\ncontent-length: 0\r\n\r\n')],
    ['answers something else', (fetch: MemoryConnection) => fetch.deliver('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>')],
    ['answers no key', (fetch: MemoryConnection) => fetch.deliver('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"keys":[]}')],
    ['answers no HTTP', (fetch: MemoryConnection) => fetch.deliver('SSH-2.0-x\r\n\r\n')],
    ['never ends', (fetch: MemoryConnection) => { fetch.deliver('HTTP/1.1 200 OK\r\n\r\n'); for (let i = 0; i < 20; i++) fetch.deliver('x'.repeat(60_000)); }],
    ['says nothing', () => harness.advance(5000)],
  ])('a provider that %s: 503, which is no fault of the token, and it is not asked again by each request', async (_what, fails) => {
    await start();
    const client = ask(key.token(CLAIMS));
    fails(fetches()[0]);
    harness.transport.settle();
    const { status, headers, body } = parseAnswer(client.received);
    expect([status, headers['retry-after'], headers['www-authenticate']]).toEqual([503, '5', undefined]);
    expect(body).toContain('token-keys-unavailable');
    for (let i = 0; i < 5; i++) expect(parseAnswer(ask(key.token(CLAIMS)).received).status).toBe(503);
    expect(fetches()).toHaveLength(1);
    expect(metrics()).toMatchObject({ 'envoy_http_jwt_authn_jwks_fetch_failed': 1, 'meshwright_token_denied_total keys_unavailable': 6 });
    harness.advance(1250);
    const again = ask(key.token(CLAIMS));
    answerKeys(jwks(key));
    served(again);
  });

  test('without an endpoint, or a cluster, there is an answer all the same', async () => {
    for (const setting of [{ endpoints: [] }, { keys: { cluster: 'nowhere' } }]) {
      await start(setting);
      const client = ask(key.token(CLAIMS));
      harness.advance(0);
      expect(parseAnswer(client.received).status).toBe(503);
      await harness.close();
    }
  });

  test('that are ahead are fetched before anybody asks, and anew before they are too old: no request waits', async () => {
    await start({ keys: { ahead: true, cacheDuration: 10 * MINUTE } });
    expect(fetches()).toHaveLength(1);
    answerKeys(jwks(key));
    harness.advance(7.5 * MINUTE - 1);
    expect(fetches()).toHaveLength(1);
    expect(untilFetch()).toBeLessThanOrEqual(MINUTE + 1000);
    // The old ones serve meanwhile.
    served(ask(key.token(CLAIMS)));
    answerKeys(jwks(second));
    served(ask(second.token(CLAIMS)));
    harness.advance(COOLDOWN);
    // What was withdrawn is refused, though it was verified before.
    const withdrawn = ask(key.token(CLAIMS));
    answerKeys(jwks(second));
    expect(parseAnswer(withdrawn.received).status).toBe(401);
  });

  const COOLDOWN = 10_000;

  test('of unknown name are looked for once, for all who wait, and not again before the cooldown is over', async () => {
    await start({ keys: { ahead: true } });
    answerKeys(jwks(key));
    harness.advance(COOLDOWN);
    const clients = [1, 2].map((jti) => ask(second.token({ ...CLAIMS, jti })));
    expect(fetches()).toHaveLength(2);
    // Whoever has a known key does not wait.
    served(ask(key.token(CLAIMS)));
    answerKeys(jwks(key, second));
    clients.forEach((client, at) => served(client, at));
    const strange = new IssuerKey('EdDSA', 'third');
    for (let i = 0; i < 50; i++) expect(parseAnswer(ask(strange.token(CLAIMS, { kid: `nobody-${i}` })).received).status).toBe(401);
    expect(fetches()).toHaveLength(2);
    harness.advance(COOLDOWN);
    const client = ask(strange.token(CLAIMS));
    expect(fetches()).toHaveLength(3);
    answerKeys(jwks(key, second));
    expect(parseAnswer(client.received).status).toBe(401);
  });

  test('of last time serve through an outage for as long as is said, and not longer', async () => {
    await start({ keys: { ahead: true, cacheDuration: 10 * MINUTE }, cluster: { keysKeptFor: 60 * MINUTE } });
    answerKeys(jwks(key));
    harness.transport.autoConnect = false;
    let failed = 0;
    const fail = () => {
      for (; failed < fetches().length - 1; failed++) fetches()[failed + 1].deliverReset('connect_failed');
      harness.transport.settle();
    };
    const outcomes: [number, number][] = [];
    for (let minute = 1; minute <= 75; minute++) {
      for (let second_ = 0; second_ < 60; second_++) {
        harness.advance(1000);
        fail();
      }
      harness.transport.autoConnect = true;
      const client = ask(key.token(CLAIMS));
      fail();
      if (requests().length > 0 && client.received === '') harness.reply(OK, requests().at(-1));
      outcomes.push([minute, parseAnswer(client.received).status]);
      harness.transport.autoConnect = false;
    }
    expect(outcomes.filter(([, status]) => status === 200).map(([minute]) => minute)).toEqual(Array.from({ length: 69 }, (_, i) => i + 1));
    expect(outcomes.filter(([, status]) => status === 503).map(([minute]) => minute)).toEqual([70, 71, 72, 73, 74, 75]);
    // Tried again ever later: some seventy times in an hour, not thousands.
    expect(fetches().length).toBeLessThan(100);
    // It is back.
    harness.transport.autoConnect = true;
    untilFetch();
    answerKeys(jwks(second));
    served(ask(second.token(CLAIMS)));
  });

  test('fail closed: without an outage policy keys are good for their time alone', async () => {
    await start({ keys: { ahead: true, cacheDuration: 10 * MINUTE }, cluster: { keysKeptFor: 0 } });
    answerKeys(jwks(key));
    harness.transport.autoConnect = false;
    harness.advance(9 * MINUTE);
    fetches()[1].deliverReset('connect_failed');
    harness.transport.autoConnect = true;
    served(ask(key.token(CLAIMS)));
    harness.transport.autoConnect = false;
    harness.advance(59_999 - 1000);
    for (const fetch of fetches().slice(2)) fetch.deliverReset('connect_failed');
    harness.advance(1001);
    for (const fetch of fetches().slice(2)) fetch.deliverReset('connect_failed');
    expect(parseAnswer(ask(key.token(CLAIMS)).received).status).toBe(503);
  });

  test('outlive a change of rules, and of the place that they come from', async () => {
    await start({ keys: { ahead: true }, cluster: { keysKeptFor: 60 * MINUTE } });
    answerKeys(jwks(key));
    await harness.proxy.apply(configured({ keys: { ahead: true }, provider: { audiences: ['payment', 'more'] }, cluster: { keysKeptFor: 60 * MINUTE } }));
    harness.transport.settle();
    expect(fetches()).toHaveLength(1);
    served(ask(key.token(CLAIMS)));
    await harness.proxy.apply(configured({ keys: { ahead: true, path: '/moved' }, cluster: { keysKeptFor: 60 * MINUTE } }));
    harness.transport.settle();
    expect(fetches()).toHaveLength(2);
    served(ask(key.token(CLAIMS)));
    answerKeys(jwks(second));
    expect(filter().remoteKeys[0].version).toBe(2);
    served(ask(second.token(CLAIMS)));
  });
});

describe('while it waits for keys', () => {
  test('a client may go away, and its place with it', async () => {
    await start();
    const gone = ask(key.token(CLAIMS));
    const stays = ask(key.token(CLAIMS));
    expect(filter().remoteKeys[0].waiters).toBe(2);
    gone.deliverReset();
    expect(filter().remoteKeys[0].waiters).toBe(1);
    answerKeys(jwks(key));
    served(stays);
    expect(harness.seen.map(({ flag }) => flag)).toEqual(['DC', undefined]);
  });

  test('only so many wait: who comes then is answered at once', async () => {
    await start();
    const clients = Array.from({ length: 1025 }, () => ask(key.token(CLAIMS)));
    expect(clients.map(({ received }) => received === '').indexOf(false)).toBe(1024);
    expect(parseAnswer(clients[1024].received).status).toBe(503);
    for (const client of clients) client.deliverReset();
    expect(filter().remoteKeys[0].waiters).toBe(0);
  });

  test('a body that comes waits with it', async () => {
    await start();
    const client = harness.send(`POST / HTTP/1.1\r\nhost: shop\r\nauthorization: Bearer ${key.token(CLAIMS)}\r\ncontent-length: 6\r\n\r\nabc`);
    client.deliver('def');
    answerKeys(jwks(key));
    harness.transport.settle();
    expect(served(client)).toMatch(/\r\n\r\nabcdef$/);
  });

  test('on a stream of HTTP/2 too, and others pass by', async () => {
    await start();
    const client = harness.client();
    const token = `Bearer ${key.token(CLAIMS)}`;
    // authorization by its index in the static table, its value of more than 127 bytes.
    const authorization = Buffer.concat([Buffer.from([0x0f, 23 - 15, 0x7f, ...varint(token.length - 127)]), Buffer.from(token)]);
    client.deliver(Buffer.concat([START, SETTINGS_ACK, frame(FrameType.Headers, 4, 1, Buffer.concat([POST, authorization])), frame(FrameType.Data, 1, 1, 'abc')]));
    harness.transport.settle();
    client.deliver(frame(FrameType.Headers, 5, 3, POST));
    harness.transport.settle();
    await nextRound();
    answerKeys(jwks(key));
    await nextRound();
    harness.transport.settle();
    expect(requests().at(-1)!.received).toMatch(/authorization: Bearer [^]*\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/);
    harness.reply(OK, requests().at(-1));
    await nextRound();
    expect(harness.seen.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(framesOf(client).filter(({ type }) => type === FrameType.Headers).map(({ id }) => id).sort()).toEqual([1, 3]);
  });

  test('the proxy may end', async () => {
    await start();
    const client = ask(key.token(CLAIMS));
    await harness.close();
    expect([client.closed, harness.clock.timers]).toEqual([true, 0]);
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [value % 128 | 128, ...varint(value >> 7)];
}
