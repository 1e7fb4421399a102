/** Double-entry book: what leaves one account enters another, and the sum of all is always zero. */
import { startService } from '../../service-kit';

interface Entry {
  readonly from: string;
  readonly to: string;
  readonly cents: number;
}

const entries = new Map<string, Entry>();
const balances = new Map<string, number>();

function post(account: string, cents: number): void {
  balances.set(account, (balances.get(account) ?? 0) + cents);
}

startService('ledger', {
  'PUT /entries/:key': ({ params, body }) => {
    const entry = body as Entry;
    const before = entries.get(params.key!);
    if (before) {
      const same = before.from === entry.from && before.to === entry.to && before.cents === entry.cents;
      return same ? { status: 200, body: before } : { status: 409, body: { error: 'another entry has this key' } };
    }
    entries.set(params.key!, entry);
    post(entry.from, -entry.cents);
    post(entry.to, entry.cents);
    return { status: 201, body: entry };
  },
  'GET /balances/:account': ({ params }) => ({ body: { account: params.account, cents: balances.get(params.account!) ?? 0 } }),
});
