import { ERRORS, problemDocument, titleOf, type ProxyError } from '../../../../runtime/proxy/error';

const rows = Object.entries<ProxyError>(ERRORS);

test('the table: every row says what it is, and nothing twice', () => {
  expect(new Set(rows.map(([, { problem }]) => problem)).size).toBe(rows.length);
  for (const [, error] of rows) {
    expect(error.problem).toMatch(/^[a-z0-9.-]+$/);
    expect(error.code).toMatch(/^[a-z0-9_]+$/);
    expect(error.status === 0 || (error.status >= 400 && error.status < 600)).toBe(true);
    // Who failed, and what the client is told, agree.
    if (error.status > 0) expect(error.status >= 500 || error.source !== 'upstream').toBe(true);
  }
  expect(rows.map(([name, { code, status, flag, policy }]) => `${name}: ${status} ${flag ?? '-'} ${policy ?? '-'} ${code}`)).toMatchSnapshot();
});

test('a problem document (RFC 9457)', () => {
  const title = titleOf(ERRORS.circuitOpen, 'payment');
  expect(JSON.parse(problemDocument('circuit-open', title, 503, 'circuit_open', 'circuit-breaker', 'payment'))).toEqual({
    type: 'https://meshwright.dev/problems/circuit-open',
    title: 'The circuit breaker of payment is open after too many failures',
    status: 503,
    detail: 'circuit_open',
    policy: 'circuit-breaker',
    service: 'payment',
  });
  expect(titleOf(ERRORS.timeout, undefined)).toBe('The service did not answer within the timeout of the route');
  expect(JSON.parse(problemDocument('no-route', 'x', 404, 'y', undefined, undefined))).not.toHaveProperty('service');
});
