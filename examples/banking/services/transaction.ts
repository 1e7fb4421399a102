/** Turns a transfer into one entry of the ledger. */
import { startService } from '../../service-kit';

startService('transaction', {
  'POST /transactions': async ({ body, headers, upstream }) => {
    const { from, to, cents } = (body ?? {}) as { from?: string; to?: string; cents?: number };
    const key = headers['idempotency-key'];
    if (typeof key !== 'string' || !from || !to || !Number.isSafeInteger(cents) || cents! <= 0) {
      return { status: 400, body: { error: 'from, to, a whole number of cents and an idempotency-key header are needed' } };
    }
    // A PUT under the transaction's key: written twice, it is still one entry.
    const entry = await upstream.call(`http://ledger:8080/entries/${encodeURIComponent(key)}`, { method: 'PUT', body: { from, to, cents } });
    return { status: entry.status < 300 ? 201 : entry.status === 409 ? 409 : 503, body: entry.body };
  },
});
