/** What is asked of the e-commerce mesh, and what it must answer: the same on a laptop and on a cluster. */

/** A request that an application makes, by its pod's outbound proxy. */
export interface ShopRequest {
  readonly method?: string;
  /** As an HTTP client sends it to a proxy: the whole URL. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ShopAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Case {
  readonly name: string;
  /** The service whose pod asks. */
  readonly from: string;
  readonly request: ShopRequest;
  readonly status: number;
  /** A part of the body, which is JSON. */
  readonly body?: object;
  /** A part of the headers. */
  readonly headers?: object;
}

const HEALTH = '/payments/health';
/** A customer of the base version, as every second request of his has to come to the same replica. */
const payment = (order: string) => ({
  method: 'POST', url: 'http://payment/payments', body: { order, amount: 20 }, headers: { 'idempotency-key': order, 'x-order-id': order, 'x-user': 'user-1' },
});
const NO_ROUTE = { type: 'https://meshwright.dev/problems/no-route' };
const health = (name: string, host: string): Case => ({ name, from: 'order', request: { url: `http://${host}${HEALTH}`, headers: { 'x-canary': 'always' } }, status: 200, body: { version: 'v2' } });

export const shopTable: readonly Case[] = [
  health('a short name', 'payment'),
  health('a short name with its port', 'payment:8080'),
  health('a name with its namespace', 'payment.shop'),
  health('a name of a service', 'payment.shop.svc'),
  health('a name of the cluster\'s DNS', 'payment.shop.svc.cluster.local'),
  health('a name of the cluster\'s DNS with its port', 'payment.shop.svc.cluster.local:8080'),
  health('a name in capitals', 'PAYMENT.shop'),
  { name: 'one version by its own name, which the caller has not declared', from: 'order', request: { url: `http://payment-v2${HEALTH}` }, status: 404, body: NO_ROUTE },
  { name: 'a known name with another port', from: 'order', request: { url: 'http://payment:9999/' }, status: 404, body: NO_ROUTE },
  { name: 'a name that nobody has', from: 'order', request: { url: 'http://nobody/' }, status: 404, body: NO_ROUTE },
  { name: 'a service that the caller has not declared', from: 'storefront', request: { url: `http://payment${HEALTH}` }, status: 404, body: NO_ROUTE },
  { name: 'a call against the direction of the graph', from: 'payment', request: { url: 'http://order/' }, status: 404, body: NO_ROUTE },
  { name: 'an order, through three services and two protocols', from: 'storefront', request: { method: 'POST', url: 'http://order/orders', body: { sku: 'book-1' } }, status: 201, body: { sku: 'book-1', state: 'paid' } },
  { name: 'an order that its payment refuses', from: 'storefront', request: { method: 'POST', url: 'http://order/orders', body: { sku: 'book-1', amount: -1 } }, status: 402, body: { state: 'declined' } },
  { name: 'a redirect', from: 'storefront', request: { url: 'http://order/cart' }, status: 308, headers: { location: expect.stringMatching(/\/orders$/) as string } },
  {
    name: 'a rewritten path, and a header of its rule',
    from: 'storefront',
    request: { url: 'http://order/v1/orders/none' },
    status: 404,
    body: { error: 'no such order' },
    headers: { deprecation: '@1767225600' },
  },
  { name: 'a path that the application does not have', from: 'storefront', request: { url: 'http://order/none' }, status: 404, body: { error: expect.stringContaining('order has') as string } },
  { name: 'a payment', from: 'order', request: payment('table-1'), status: 201, body: { order: 'table-1' } },
  { name: 'the same payment again, which the same replica knows', from: 'order', request: payment('table-1'), status: 200, body: { order: 'table-1' } },
  { name: 'a payment without its key', from: 'order', request: { method: 'POST', url: 'http://payment/payments', body: { amount: 1 } }, status: 400 },
  { name: 'the same customer sees the same version', from: 'order', request: { url: `http://payment${HEALTH}`, headers: { 'x-user': 'user-1' } }, status: 200, body: { version: 'v1' } },
  { name: 'HEAD has no body', from: 'storefront', request: { method: 'HEAD', url: 'http://order/' }, status: 404 },
];

/** Throws, as `expect` does, where an answer is not the one of the table. */
export function expectAnswer({ name, status, body, headers = {} }: Case, answer: ShopAnswer): void {
  expect({ name, status: answer.status, body: body === undefined ? {} : JSON.parse(answer.body) as unknown, headers: answer.headers })
    .toMatchObject({ name, status, body: body ?? {}, headers });
}

/** A fresh connection to an outbound proxy of each request; a program by itself, so that it can be run where the proxy is. */
export const askProgram = `
  const { request } = require('node:http');
  const [host, list] = process.argv.slice(1);
  const ask = ({ method = 'GET', url, headers = {}, body }) => new Promise((done) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const all = { host: new URL(url).host, ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers };
    const sent = request({ host, port: 15001, method, path: url, headers: all, agent: false, timeout: 15000 }, (response) => {
      let got = '';
      response.setEncoding('utf8').on('data', (part) => { got += part; });
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, body: got }));
    });
    sent.on('error', (error) => done({ status: 0, headers: {}, body: error.message }));
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.end(text);
  });
  (async () => {
    const answers = [];
    for (const one of JSON.parse(list)) answers.push(await ask(one));
    console.log(JSON.stringify(answers));
  })();
`;
