import type { HttpFilterConfig } from '../../../../../runtime/proxy/config/types';
import { VERSIONS, World, type Exchange } from './support';

let world: World | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const limit = (maxBytes: number | undefined): HttpFilterConfig => ({ kind: 'body_limit', name: 'limit', config: maxBytes === undefined ? undefined : { maxBytes } });
const echo = (exchange: Exchange) => {
  exchange.body.then(({ body }) => {
    exchange.respond(200, {});
    exchange.end(body);
  }, () => undefined);
};
const TOO_LARGE = { type: 'https://meshwright.dev/problems/body-too-large', policy: 'size-limit' };

describe.each(VERSIONS)('a client of HTTP/%i, an upstream of HTTP/%i', (client, upstream) => {
  test('a body that states a longer length is 413, and nothing of it reaches the upstream', async () => {
    let asked = 0;
    world = await World.start(client, upstream, [limit(10)], (exchange) => {
      asked++;
      echo(exchange);
    });
    const whole = async (length: number) => world!.ask({ 'content-length': String(length) }, 'POST', [Buffer.alloc(length, 'x')]);
    expect((await whole(10)).body.toString()).toBe('xxxxxxxxxx');
    const refused = await whole(11);
    expect([refused.status, JSON.parse(refused.body.toString())]).toMatchObject([413, TOO_LARGE]);
    expect(asked).toBe(1);
  });

  test('one that streams is 413 once it is longer, and the upstream never sees its end', async () => {
    let begun: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => (begun = resolve));
    let outcome: Promise<unknown> = Promise.resolve();
    world = await World.start(client, upstream, [limit(10)], (exchange) => {
      outcome = exchange.body;
      begun();
    });
    const { request, answer } = await world.open(client === 1 ? { 'transfer-encoding': 'chunked' } : {}, 'POST');
    request.write(Buffer.alloc(6, 'x'));
    await seen;
    request.end(Buffer.alloc(5, 'x'));
    const refused = await answer;
    expect(refused.status).toBe(413);
    expect(JSON.parse((await refused.whole()).body.toString())).toMatchObject(TOO_LARGE);
    await expect(outcome).rejects.toThrow('cut off');
    expect(world.records).toMatchObject([{ status: 413, detail: 'request_payload_too_large' }]);
  });

  test('one that streams and ends at the bound passes; data count, not the framing', async () => {
    world = await World.start(client, upstream, [limit(10)], echo);
    const { request, answer } = await world.open(client === 1 ? { 'transfer-encoding': 'chunked' } : {}, 'POST');
    for (let i = 0; i < 9; i++) request.write('x');
    request.end('x');
    expect((await (await answer).whole()).body.toString()).toBe('xxxxxxxxxx');
  });

  test('after it the client goes on, or its connection ends', async () => {
    world = await World.start(client, upstream, [limit(10)], echo);
    expect((await world.ask({}, 'POST', ['x'.repeat(20)])).status).toBe(413);
    expect((await world.ask({}, 'POST', ['x'])).status).toBe(200);
  });

  test('a route has a bound of its own, or none', async () => {
    for (const [own, statuses] of [[limit(20), [200, 413]], [limit(undefined), [200, 200]]] as const) {
      world = await World.start(client, upstream, [limit(10)], echo, [own]);
      const sent = [await world.ask({}, 'POST', ['x'.repeat(20)]), await world.ask({}, 'POST', ['x'.repeat(21)])];
      expect(sent.map(({ status }) => status)).toEqual(statuses);
      await world.close();
    }
  });
});
