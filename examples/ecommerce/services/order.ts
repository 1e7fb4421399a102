/**
 * Takes orders: reserves the items and has them paid. Where the payment service is away the order stands and waits for its payment: one service that
 * fails is no reason for the next one to fail, and a caller's breaker must not open for it.
 */
import { randomUUID } from 'node:crypto';
import { startService } from '../../service-kit';
import { GrpcError, GrpcStatus } from '../../service-kit/grpc';

interface Order {
  readonly id: string;
  readonly sku: string;
  readonly amount: number;
  readonly state: 'paid' | 'awaiting payment' | 'declined';
  readonly payment?: unknown;
}

/** Orders of this replica: a real one has a database. The oldest is forgotten first. */
const orders = new Map<string, Order>();
const MOST_ORDERS = 10_000;

startService('order', {
  'POST /orders': async ({ body, upstream }) => {
    const { sku = 'book', amount = 20 } = (body ?? {}) as { sku?: string; amount?: number };
    const id = randomUUID();
    try {
      await upstream.grpc('inventory', 'shop.v1.Inventory/Reserve', { sku, order: id });
    } catch (error) {
      const soldOut = error instanceof GrpcError && error.code === GrpcStatus.RESOURCE_EXHAUSTED;
      return { status: soldOut ? 409 : 503, body: { id, error: 'the item cannot be reserved', cause: (error as Error).message } };
    }
    // The key makes a repeated payment harmless, so the mesh may retry the POST.
    const paid = await upstream.call('http://payment/payments', {
      method: 'POST', body: { order: id, amount }, headers: { 'idempotency-key': id, 'x-order-id': id },
    });
    // Only the payment service itself declines; whatever else is in the way may pass.
    const declined = paid.status === 400 || paid.status === 402;
    const state = paid.status < 300 ? 'paid' : declined ? 'declined' : 'awaiting payment';
    if (state === 'declined') await upstream.grpc('inventory', 'shop.v1.Inventory/Release', { sku, order: id });
    const order: Order = { id, sku, amount, state, payment: paid.body };
    remember(order);
    return { status: { 'paid': 201, 'awaiting payment': 202, 'declined': 402 }[state], body: order };
  },
  'GET /orders/:id': ({ params }) => {
    const order = orders.get(params.id!);
    return order ? { body: order } : { status: 404, body: { error: 'no such order' } };
  },
});

function remember(order: Order): void {
  orders.set(order.id, order);
  if (orders.size > MOST_ORDERS) orders.delete(orders.keys().next().value!);
}
