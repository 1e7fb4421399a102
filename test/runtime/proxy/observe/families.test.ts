import * as fc from 'fast-check';
import { Families } from '../../../../runtime/proxy/observe/families';
import { BUCKETS, Histogram } from '../../../../runtime/proxy/observe/histogram';
import { parseExposition } from './exposition';

describe('Prometheus exposition', () => {
  test('whatever labels hold, a strict reader reads back what was counted', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('\\', '"', '\n', 'a"b\\n', '{x="y"}', ''));
    fc.assert(fc.property(fc.uniqueArray(fc.tuple(value, fc.nat(1e9)), { selector: ([label]) => label, minLength: 1 }), (series) => {
      const families = new Families();
      for (const [label, count] of series) families.counter('a_total', 'Help with \\ and\nline end', 'a.{name}').add({ name: label, other: 'x' }, count);
      const read = parseExposition(families.exposition()).get('a_total')!;
      expect(read.map((sample) => [sample.labels.name, sample.value])).toEqual(series);
    }));
  });

  test('histograms are cumulative, two of the same labels are one', () => {
    const one = new Histogram();
    [0.2, 0.5, 7, 1e9].forEach((milliseconds) => one.record(milliseconds));
    const families = new Families();
    families.histogram('t', 'Time', 't.{a}').addHistogram({ a: 'x' }, one);
    families.histogram('t', 'Time', 't.{a}').addHistogram({ a: 'x' }, one);
    const read = parseExposition(families.exposition()).get('t')!;
    const at = (le: string): number => read.find((sample) => sample.labels.le === le)!.value;
    expect([at('0.5'), at('5'), at('10'), at('3600000'), at('+Inf')]).toEqual([4, 4, 6, 6, 8]);
    expect(read.find((sample) => sample.name === 't_sum')!.value).toBeCloseTo(2 * 1_000_000_007.7);
    expect(families.stats()).toBe('t.x: count=8 sum=2000000015.4 p50<=0.5 p90<=inf p99<=inf\n');
  });

  test('every duration is counted in exactly the bucket it belongs to', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1e8, noNaN: true }), (milliseconds) => {
      const histogram = new Histogram();
      histogram.record(milliseconds);
      const bucket = histogram.counts.findIndex((count) => count === 1);
      expect(histogram.count).toBe(1);
      expect(milliseconds <= (BUCKETS[bucket] ?? Infinity) && milliseconds > (BUCKETS[bucket - 1] ?? -1)).toBe(true);
    }));
  });

  test('statistics by Envoy\'s names, sorted and filtered', () => {
    const families = new Families();
    families.gauge('b', 'B', 'cluster.{c}.b').add({ c: 'x' }, 2);
    families.counter('a', 'A', 'cluster.{c}.a').add({ c: 'x' }, 1);
    expect(families.stats()).toBe('cluster.x.a: 1\ncluster.x.b: 2\n');
    expect(families.stats((name) => /\.b$/.test(name))).toBe('cluster.x.b: 2\n');
  });

  test.each([
    ['a 1', 'the last line has no end'],
    ['a 1\n', 'not of family'],
    ['# HELP a A\n# TYPE a counter\n', 'family without samples'],
    ['# HELP a A\n# TYPE a counter\na 1\na 2\n', 'series twice'],
    ['# HELP a A\n# TYPE a counter\na{x="1} 1\n', 'bad labels'],
    ['# HELP a A\n# TYPE a counter\na{x="1"y="2"} 1\n', 'bad labels'],
    ['# HELP a A\n# TYPE a counter\na -1\n', 'below zero'],
    ['# HELP a A\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n', 'histogram a'],
  ])('the reader of these tests refuses %j', (text, message) => {
    expect(() => parseExposition(text)).toThrow(message);
  });
});
