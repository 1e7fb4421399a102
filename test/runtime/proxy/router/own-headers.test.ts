import type { HeaderMutation } from '../../../../runtime/proxy/config/types';
import { NO_HEADERS, actionConfig, routeConfig } from '../support/config';
import { Harness } from '../support/harness';

let harness: Harness;
afterEach(async () => harness.close());

const REQUEST_LINES = ['x-request-id', 'traceparent', 'x-forwarded-for', 'x-forwarded-proto'];
const ANSWER_LINES = ['server', 'date'];

async function exchange(requestHeaders: Partial<HeaderMutation>, responseHeaders: Partial<HeaderMutation>, lines = ''): Promise<[string, string]> {
  const route = routeConfig(actionConfig(), {
    requestHeaders: { ...NO_HEADERS, ...requestHeaders }, responseHeaders: { ...NO_HEADERS, ...responseHeaders },
  });
  harness = await Harness.start({ routes: [route], listener: { useRemoteAddress: true } });
  const client = harness.send(`GET / HTTP/1.1\r\nhost: shop\r\n${lines}\r\n`);
  const { received } = harness.transport.last;
  harness.reply('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  return [received, client.received];
}

const values = (text: string, name: string) => [...text.matchAll(new RegExp(`^${name}: (.*)\\r$`, 'gim'))].map(([, value]) => value);

describe('a line of ours that a route sets or removes is the route\'s business', () => {
  const sent = REQUEST_LINES.map((name) => `${name}: client\r\n`).join('');

  test.each(['', sent])('set: there is one, with the route\'s value (%j)', async (lines) => {
    const set = (names: string[]) => ({ set: names.map((name) => ({ name, value: 'route' })) });
    const [request, answer] = await exchange(set(REQUEST_LINES), set(ANSWER_LINES), lines);
    for (const name of REQUEST_LINES) expect([name, values(request, name)]).toEqual([name, ['route']]);
    for (const name of ANSWER_LINES) expect([name, values(answer, name)]).toEqual([name, ['route']]);
  });

  test.each(['', sent])('removed: there is none (%j)', async (lines) => {
    const [request, answer] = await exchange({ remove: REQUEST_LINES }, { remove: ANSWER_LINES }, lines);
    for (const name of REQUEST_LINES) expect([name, values(request, name)]).toEqual([name, []]);
    for (const name of ANSWER_LINES) expect([name, values(answer, name)]).toEqual([name, []]);
  });

  test('not named: there is one, and it is ours', async () => {
    const [request, answer] = await exchange({ set: [{ name: 'x-other', value: 'route' }] }, {});
    for (const name of REQUEST_LINES) expect([name, values(request, name).length]).toEqual([name, 1]);
    for (const name of ANSWER_LINES) expect([name, values(answer, name).length]).toEqual([name, 1]);
  });
});
