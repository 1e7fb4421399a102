import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { fetchDocument } from '../../../../runtime/control-plane/openid';
import { Authority } from '../../proxy/support/pki';

const servers: Server[] = [];

async function listen(server: Server): Promise<number> {
  servers.push(server);
  return new Promise((done) => { server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port)); });
}

afterAll(async () => {
  await Promise.all(servers.map(async (server) => new Promise((done) => { server.close(done); })));
});

test('an issuer behind TLS has to have the name, and a certificate of the authority that is named, or else of a public one', async () => {
  const [authority, other] = [await Authority.create('of the issuer'), await Authority.create('of somebody else')];
  const { chain, key } = await authority.issue({ dns: ['localhost'] });
  const port = await listen(createServer({ cert: chain, key }, (_, response) => response.end('{"issuer":1}')));
  expect(await fetchDocument(`https://localhost:${port}/`, authority.bundle)).toBe('{"issuer":1}');
  await expect(fetchDocument(`https://localhost:${port}/`)).rejects.toThrow('unable to verify the first certificate');
  await expect(fetchDocument(`https://127.0.0.1:${port}/`, authority.bundle)).rejects.toThrow('does not match certificate\'s altnames');
  await expect(fetchDocument(`https://localhost:${port}/`, other.bundle)).rejects.toThrow('unable to verify the first certificate');
});

test('only an answer 200 of a bounded length is one', async () => {
  let answer: [status: number, body: string] = [302, ''];
  const port = await listen(createPlainServer((_, response) => response.writeHead(answer[0], { location: '/elsewhere' }).end(answer[1])));
  await expect(fetchDocument(`http://127.0.0.1:${port}/`)).rejects.toThrow('it answers 302');
  answer = [200, 'x'.repeat(1024 * 1024 + 1)];
  await expect(fetchDocument(`http://127.0.0.1:${port}/`)).rejects.toThrow('it answers more than 1048576 bytes');
  answer = [200, 'x'];
  expect(await fetchDocument(`http://127.0.0.1:${port}/`)).toBe('x');
});
