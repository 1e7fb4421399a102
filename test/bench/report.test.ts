import { figure, holds, show } from '../../bench/report';

test('a figure is the median with its bounds, whatever the order of the rounds', () => {
  expect(figure([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(figure([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(figure([7])).toEqual({ median: 7, min: 7, max: 7 });
  expect(figure([10, 9, 100])).toEqual({ median: 10, min: 9, max: 100 });
});

test('a figure is shown with its bounds', () => {
  expect(show({ median: 2.5, min: 1, max: 4 }, 1)).toBe('2.5 (1.0–4.0)');
});

test.each([
  ['at least', 1, 1, true],
  ['at least', 0.99, 1, false],
  ['at most', 60, 60, true],
  ['at most', 60.1, 60, false],
] as const)('a bar of %s: %d beside %d', (kind, value, limit, expected) => {
  expect(holds({ name: 'bar', kind, value, limit })).toBe(expected);
});
