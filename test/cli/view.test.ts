import { COLOURS, cut, fit, NO_COLOURS, width } from '../../cli/ansi';
import type { LoadStats } from '../../cli/session';
import { render, type Screen } from '../../cli/view';
import type { Edge } from '../../runtime/local/traffic';
import type { PodState } from '../../runtime/local/types';

const pod = (service: string | undefined, ready: boolean): PodState => ({
  spec: { service } as PodState['spec'], phase: 'running', since: 0, ready, processes: new Map(), held: false, restarts: 0,
});
const edge = (caller: string, called: string, rest: Partial<Edge> = {}): Edge => ({
  caller, called, requestsPerSecond: 20, success: 1, p50: 3.14, p99: 21.7, retriesPerSecond: 0, refusedPerSecond: 0, breaker: 'closed', endpoints: 2, healthy: 2, ...rest,
});
const load: LoadStats = {
  settings: { from: 'storefront', url: 'http://order/orders', method: 'POST', requestsPerSecond: 20, headers: {} },
  total: 812, succeeded: 800, statuses: new Map([[202, 20], [201, 780]]), failures: new Map([['503 The circuit breaker of payment is open', 12]]), latencies: [10, 20],
};
const SCREEN: Screen = {
  title: '.meshwright/ecommerce',
  elapsed: 62_000,
  left: undefined,
  pods: [pod('payment', true), pod('payment', false), pod('order', true), pod(undefined, true), pod(undefined, true)],
  edges: [
    edge('order', 'inventory'),
    edge('order', 'payment', { success: 0.42, retriesPerSecond: 12.3, breaker: 'open', healthy: 1, endpoints: 5, p99: 1900, refusedPerSecond: 8 }),
    edge('order', 'payment-v2', { requestsPerSecond: 0.9, breaker: 'half_open' }),
    edge('storefront', 'order', { requestsPerSecond: 0, success: undefined, p50: undefined, p99: undefined, breaker: undefined }),
  ],
  loads: [load],
  events: [{ at: 5000, text: 'every pod is ready' }, { at: 61_000, text: 'payment-8954c-0: payment ended (SIGKILL), again in 0.2 s' }],
  hints: [
    'try    curl -x 127.77.1.11:15001 -d \'{"sku":"book-1","amount":11}\' http://order/orders',
    'break  payment: fail | slow | ok | kill   or   curl -X POST 127.77.0.1:15900/payment/fail',
  ],
  input: 'payment: o',
  message: '',
};

test('a screen of 80 × 24', () => {
  expect(`\n${render(SCREEN, 80, 24, NO_COLOURS).map((line) => `│${line.trimEnd()}`).join('\n')}\n`).toMatchInlineSnapshot(`
"
│meshwright .meshwright/ecommerce        2/3 pods ready   control plane ×2   1:02
│────────────────────────────────────────────────────────────────────────────────
│caller          called         req/s     ok    p50    p99 retry/s   breaker pods
│order         → inventory         20   100% 3.1 ms  22 ms       0    closed  2/2
│order         → payment           20  42.0% 3.1 ms  1.9 s      12      OPEN  1/5
│order         → payment-v2       0.9   100% 3.1 ms  22 ms       0 half-open  2/2
│storefront    → order              0      –      –      –       0         –  2/2
│
│load  20/s storefront → POST order/orders  780 × 201, 20 × 202, 12 failed  p99 …
│      12 × 503 The circuit breaker of payment is open
│
│0:05 every pod is ready
│1:01 payment-8954c-0: payment ended (SIGKILL), again in 0.2 s
│
│
│
│
│
│
│
│────────────────────────────────────────────────────────────────────────────────
│try    curl -x 127.77.1.11:15001 -d '{"sku":"book-1","amount":11}' http://order…
│break  payment: fail | slow | ok | kill   or   curl -X POST 127.77.0.1:15900/pa…
│> payment: o▏
"
`);
});

test.each([[80, 24], [120, 40], [60, 10], [40, 5], [200, 60]])('%d × %d: exactly so many lines, and none wider', (columns, rows) => {
  for (const style of [COLOURS, NO_COLOURS]) {
    const lines = render(SCREEN, columns, rows, style);
    expect(lines).toHaveLength(rows);
    for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
    expect(lines.at(-1)).toContain('payment: o');
  }
});

test('colours take no room, and a cut text ends them', () => {
  const text = COLOURS.bad('a long text');
  expect(width(text)).toBe(11);
  expect(width(fit(text, 20))).toBe(20);
  expect(cut(text, 5)).toBe('\u001b[1;31ma lo…\u001b[0m');
  expect(fit('x', 3, 'right')).toBe('  x');
});
