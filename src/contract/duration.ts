/** A duration as Gateway API writes it (GEP-2257): up to four numbers with `h`, `m`, `s` or `ms`, such as `1m30s` or `500ms`. */
export const DURATION = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';

const UNITS: readonly (readonly [unit: string, milliseconds: number])[] = [['h', 3_600_000], ['m', 60_000], ['s', 1000], ['ms', 1]];
const PATTERN = new RegExp(DURATION);

/** Milliseconds of a GEP-2257 duration; undefined for a text that is none. */
export function parseDuration(text: string): number | undefined {
  if (!PATTERN.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+)(h|ms|m|s)/g)) {
    total += Number(amount) * UNITS.find(([name]) => name === unit)![1];
  }
  return total;
}

/** The shortest GEP-2257 text of whole milliseconds: 90,000 is `1m30s`. The longest is 99999h59m59s999ms. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  let rest = milliseconds;
  let text = '';
  for (const [unit, size] of UNITS) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) text += `${amount}${unit}`;
  }
  return text;
}
