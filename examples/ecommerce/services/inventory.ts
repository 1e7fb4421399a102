/** Keeps the stock, and speaks gRPC. A reservation is one of its order: made twice, it is still one. */
import { GrpcError, GrpcStatus, startGrpcService } from '../../service-kit/grpc';

const STOCK = 1_000_000;
const reserved = new Map<string, Set<string>>();

interface Reservation {
  readonly sku: string;
  readonly order: string;
}

function reservations(sku: string): Set<string> {
  let orders = reserved.get(sku);
  if (!orders) reserved.set(sku, orders = new Set());
  return orders;
}

startGrpcService('inventory', {
  'shop.v1.Inventory/Left': ({ sku }: Reservation) => ({ sku, left: STOCK - reservations(sku).size }),
  'shop.v1.Inventory/Reserve': ({ sku, order }: Reservation) => {
    const orders = reservations(sku);
    if (!orders.has(order) && orders.size >= STOCK) throw new GrpcError(GrpcStatus.RESOURCE_EXHAUSTED, 'sold out');
    orders.add(order);
    return { sku, order };
  },
  'shop.v1.Inventory/Release': ({ sku, order }: Reservation) => {
    reservations(sku).delete(order);
    return { sku, order };
  },
});
