/** Keeps the stock. A reservation is a PUT under its order's id: made twice, it is still one. */
import { startService } from '../../service-kit';

const STOCK = 1_000_000;
const reserved = new Map<string, Set<string>>();

function reservations(sku: string): Set<string> {
  let orders = reserved.get(sku);
  if (!orders) reserved.set(sku, orders = new Set());
  return orders;
}

startService('inventory', {
  'GET /stock/:sku': ({ params }) => ({ body: { sku: params.sku, left: STOCK - reservations(params.sku!).size } }),
  'PUT /stock/:sku/reservations/:order': ({ params }) => {
    const orders = reservations(params.sku!);
    if (!orders.has(params.order!) && orders.size >= STOCK) return { status: 409, body: { error: 'sold out' } };
    orders.add(params.order!);
    return { status: 200, body: { sku: params.sku, order: params.order } };
  },
  'DELETE /stock/:sku/reservations/:order': ({ params }) => {
    reservations(params.sku!).delete(params.order!);
    return { body: { sku: params.sku, order: params.order } };
  },
});
