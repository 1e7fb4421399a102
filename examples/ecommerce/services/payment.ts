/** Takes payments. The same `idempotency-key` is paid once, however often it comes. */
import { startService } from '../../service-kit';

const version = process.argv[2] ?? 'v1';
const MOST_KEYS = 100_000;
const paid = new Map<string, object>();

startService('payment', {
  'POST /payments': ({ body, headers }) => {
    const key = headers['idempotency-key'];
    const { order, amount } = (body ?? {}) as { order?: string; amount?: number };
    if (typeof key !== 'string' || typeof amount !== 'number' || !(amount > 0)) {
      return { status: 400, body: { error: 'an idempotency-key header and a positive amount are needed' } };
    }
    const before = paid.get(key);
    if (before) return { status: 200, body: before };
    const receipt = { order, amount, receipt: `${version}-${paid.size + 1}`, version };
    paid.set(key, receipt);
    if (paid.size > MOST_KEYS) paid.delete(paid.keys().next().value!);
    return { status: 201, body: receipt };
  },
  'GET /payments/health': () => ({ body: { version } }),
});
