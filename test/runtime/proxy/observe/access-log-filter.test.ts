import { compileFilter } from '../../../../runtime/proxy/observe/access-log-filter';
import type { RequestRecord } from '../../../../runtime/proxy/observe/types';

const record = (status: number) => ({ status }) as RequestRecord;
/** The filter that the control plane makes of a share of successes. */
const filter = {
  kind: 'any', filters: [{ kind: 'status', op: 'GE', value: 500 }, { kind: 'status', op: 'EQ', value: 0 }, { kind: 'sample', perMillion: 100_000 }],
} as const;

test('without a filter every request is logged', () => {
  expect(compileFilter(undefined, () => 0.99)(record(200))).toBe(true);
});

test('failures and requests without an answer are always logged, of the others a share', () => {
  let chance = 0.5;
  let asked = 0;
  const logged = compileFilter(filter, () => {
    asked += 1;
    return chance;
  });
  expect([500, 503, 599, 0].map((status) => logged(record(status)))).toEqual([true, true, true, true]);
  expect(asked).toBe(0);
  expect([200, 404, 499].map((status) => logged(record(status)))).toEqual([false, false, false]);
  chance = 0.0999;
  expect(logged(record(200))).toBe(true);
  chance = 0.1;
  expect(logged(record(200))).toBe(false);
});

test('at most', () => {
  const logged = compileFilter({ kind: 'status', op: 'LE', value: 299 }, () => 0);
  expect([200, 299, 300].map((status) => logged(record(status)))).toEqual([true, true, false]);
});
