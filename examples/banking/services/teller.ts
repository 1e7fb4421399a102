/** The bank's edge: takes transfers of customers to the transaction service, with the customer's token. */
import { startService } from '../../service-kit';

startService('teller', {
  'POST /transfers': async ({ body, headers, upstream }) => {
    const key = headers['idempotency-key'];
    if (typeof key !== 'string') return { status: 400, body: { error: 'an idempotency-key header is needed' } };
    const { authorization } = headers;
    const { status, body: transfer } = await upstream.call('http://transaction:8080/transactions', {
      method: 'POST', body, headers: { 'idempotency-key': key, ...authorization !== undefined && { authorization } },
    });
    return { status, body: transfer };
  },
});
