/** The shop's edge: takes what a customer buys to the order service. */
import { startService } from '../../service-kit';

startService('storefront', {
  'POST /checkout': async ({ body, upstream }) => {
    const { status, body: order } = await upstream.call('http://order/orders', { method: 'POST', body });
    return { status, body: order };
  },
  'GET /orders/:id': async ({ params, upstream }) => {
    const { status, body } = await upstream.call(`http://order/orders/${encodeURIComponent(params.id!)}`);
    return { status, body };
  },
});
