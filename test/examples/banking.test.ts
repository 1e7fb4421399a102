import { App } from 'cdk8s';
import { TestIssuer, TestMesh, type TestMeshOptions } from 'meshwright/testing';
import { Bank } from '../../examples/banking/bank';

const bank = () => {
  const app = new App();
  new Bank(app, 'bank');
  return app;
};

const login = new TestIssuer('https://login.bank.example');
const meshOf = async (services: TestMeshOptions['services'] = {}) => TestMesh.of(bank(), { services, outside: login.outside });

/** Sends a transfer as the teller does, in the name of a customer. */
async function transfer(mesh: TestMesh, claims: object | null = {}, headers = {}) {
  const authorization = claims && `Bearer ${login.token({ aud: 'transaction', sub: 'alice', scope: 'transfers:write', ...claims }, mesh)}`;
  return mesh.request('teller', 'http://transaction/transactions', { method: 'POST', body: {}, headers: { ...headers, ...authorization && { authorization } } });
}

test('a try may take a second; all tries with their waits fit in the total', async () => {
  const mesh = await TestMesh.of(bank(), { services: { ledger: () => 'hang' } });
  const answer = await mesh.request('transaction', 'http://ledger/entries/1', { method: 'PUT', headers: { 'idempotency-key': '1' }, body: {} });
  expect(answer.status).toBe(504);
  // Each try 1 s, then 200, 400 and 800 ms.
  expect(mesh.received('ledger').map(({ at }) => at)).toEqual([0, 1200, 2600, 4400]);
  expect(answer.elapsed).toBe(5400);
});

test('a ledger that recovers in time loses no transfer, and its callers do not notice', async () => {
  let answers = 0;
  const mesh = await TestMesh.of(bank(), { services: { ledger: () => ({ status: ++answers <= 2 ? 503 : 201 }) } });
  const answer = await mesh.request('transaction', 'http://ledger/entries/1', { method: 'PUT', headers: { 'idempotency-key': '1' }, body: { cents: 1 } });
  expect(answer).toMatchObject({ status: 201, elapsed: 600 });
  expect(mesh.received('ledger').map(({ body }) => body)).toEqual(['{"cents":1}', '{"cents":1}', '{"cents":1}']);
});

test('a transfer is no idempotent method, and is not tried again by anybody', async () => {
  const mesh = await meshOf({ transaction: () => ({ status: 503 }) });
  expect((await transfer(mesh)).status).toBe(503);
  expect(mesh.received('transaction')).toHaveLength(1);
});

test('only the declared edges exist', async () => {
  const mesh = await meshOf();
  expect((await mesh.request('teller', 'http://ledger/entries/1')).status).toBe(404);
  expect((await mesh.request('ledger', 'http://api.screening.example/screenings')).status).toBe(404);
  expect((await transfer(mesh)).status).toBe(200);
});

test('a transfer is in the name of a customer who may transfer, and of nobody else', async () => {
  const mesh = await meshOf();
  expect((await transfer(mesh, null)).status).toBe(401);
  expect((await transfer(mesh, { exp: 1 })).status).toBe(401);
  expect((await transfer(mesh, { aud: 'ledger' })).status).toBe(401);
  expect((await transfer(mesh, { scope: 'transfers:read' })).status).toBe(403);
  expect(mesh.received('transaction')).toEqual([]);
  expect((await transfer(mesh, {}, { 'x-user': 'mallory' })).status).toBe(200);
  const [{ headers }] = mesh.received('transaction');
  expect([headers['x-user'], headers.authorization]).toEqual(['alice', undefined]);
});

test('screening is asked by its name, and has two seconds', async () => {
  let answer: 'hang' | { body: object } = { body: { cleared: true } };
  const mesh = await meshOf({ screening: () => answer });
  const screen = async () => mesh.request('transaction', 'http://api.screening.example/screenings', { method: 'POST', body: {} });
  expect((await screen()).json()).toEqual({ cleared: true });
  expect(mesh.received('screening')[0].headers.host).toBe('api.screening.example');
  answer = 'hang';
  expect(await screen()).toMatchObject({ status: 504, elapsed: 2000 });
});

test('while screening does not work, transfers fail at once; it is asked again after ten seconds', async () => {
  let status = 500;
  const mesh = await meshOf({ screening: () => ({ status }) });
  const screen = async () => (await mesh.request('transaction', 'http://api.screening.example/screenings', { method: 'POST', body: {} })).status;
  for (let i = 0; i < 5; i++) expect(await screen()).toBe(500);
  status = 200;
  expect(await screen()).toBe(503);
  expect(mesh.received('screening')).toHaveLength(5);
  await mesh.advance(10_000);
  expect(await screen()).toBe(200);
});
