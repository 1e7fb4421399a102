/** Turns a transfer into one entry of the ledger, once those outside have cleared it. Its proxy has verified in whose name it is. */
import { startService } from '../../service-kit';

startService('transaction', {
  'POST /transactions': async ({ body, headers, upstream }) => {
    const { from, to, cents } = (body ?? {}) as { from?: string; to?: string; cents?: number };
    const key = headers['idempotency-key'];
    if (typeof key !== 'string' || !from || !to || !Number.isSafeInteger(cents) || cents! <= 0) {
      return { status: 400, body: { error: 'from, to, a whole number of cents and an idempotency-key header are needed' } };
    }
    // Plain text to the pod's own proxy, which speaks TLS to whoever has the name.
    const screening = await upstream.call('http://api.screening.example/screenings', { method: 'POST', body: { from, to } });
    if (screening.status !== 200) return { status: 503, body: { error: 'the transfer could not be screened' } };
    if (!(screening.body as { cleared?: boolean }).cleared) return { status: 403, body: { error: 'the transfer was not cleared' } };
    // A PUT under the transaction's key: written twice, it is still one entry.
    const entry = await upstream.call(`http://ledger:8080/entries/${encodeURIComponent(key)}`, { method: 'PUT', body: { from, to, cents } });
    return { status: entry.status < 300 ? 201 : entry.status === 409 ? 409 : 503, body: entry.body };
  },
});
