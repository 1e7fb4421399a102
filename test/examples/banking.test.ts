import { App } from 'cdk8s';
import { TestMesh } from 'meshwright/testing';
import { Bank } from '../../examples/banking/bank';

const bank = () => {
  const app = new App();
  new Bank(app, 'bank');
  return app;
};

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
  const mesh = await TestMesh.of(bank(), { services: { transaction: () => ({ status: 503 }) } });
  const answer = await mesh.request('teller', 'http://transaction/transactions', { method: 'POST', body: {} });
  expect(answer.status).toBe(503);
  expect(mesh.received('transaction')).toHaveLength(1);
});

test('only the declared edges exist', async () => {
  const mesh = await TestMesh.of(bank());
  expect((await mesh.request('teller', 'http://ledger/entries/1')).status).toBe(404);
  expect((await mesh.request('teller', 'http://transaction/')).status).toBe(200);
});
