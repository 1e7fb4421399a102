/** The bank's edge: takes transfers of customers to the transaction service. */
import { startService } from '../../service-kit';

startService('teller', {
  'POST /transfers': async ({ body, headers, upstream }) => {
    const key = headers['idempotency-key'];
    if (typeof key !== 'string') return { status: 400, body: { error: 'an idempotency-key header is needed' } };
    const { status, body: transfer } = await upstream.call('http://transaction:8080/transactions', { method: 'POST', body, headers: { 'idempotency-key': key } });
    return { status, body: transfer };
  },
});
