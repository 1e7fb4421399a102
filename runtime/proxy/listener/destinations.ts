import { isIPv6 } from 'node:net';
import type { AddressRangeConfig } from '../config/types';

/** An address, or the beginning of one, as the bits that a range compares. */
interface Range<T> {
  readonly bits: string;
  readonly value: T;
}

/** Values by networks; of those that hold an address the longest prefix counts. */
export class Networks<T> {
  /** Whole addresses: all that most tables have, found at once. */
  private readonly exact = new Map<string, T>();
  /** The longest first. */
  private ranges: Range<T>[] = [];

  /** What stands for exactly this network; made where there is none yet. */
  child(range: AddressRangeConfig, make: () => T): T {
    const bits = bitsOf(range.address).slice(0, range.prefix + 1);
    const whole = bits.length === (isIPv6(range.address) ? FAMILY_6 : FAMILY_4);
    const known = whole ? this.exact.get(bits) : this.ranges.find((one) => one.bits === bits)?.value;
    if (known !== undefined) return known;
    const value = make();
    if (whole) {
      this.exact.set(bits, value);
      return value;
    }
    this.ranges.push({ bits, value });
    this.ranges.sort((a, b) => b.bits.length - a.bits.length);
    return value;
  }

  find(address: string): T | undefined {
    if (this.exact.size === 0 && this.ranges.length === 0) return undefined;
    const bits = bitsOf(address);
    return this.exact.get(bits) ?? this.ranges.find((range) => bits.startsWith(range.bits))?.value;
  }
}

const FAMILY_4 = 33;
const FAMILY_6 = 129;

/** One bit for the family, so that no network of one holds an address of the other; then the address. */
function bitsOf(address: string): string {
  if (!isIPv6(address)) return `4${address.split('.').map((part) => binary(Number(part), 8)).join('')}`;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return bitsOf(mapped[1]);
  const [, head, tail] = /^(.*?)(?:::(.*))?$/.exec(withoutDots(address))!;
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return `6${groups.map((group) => binary(Number.parseInt(group, 16), 16)).join('')}`;
}

/** The last 32 bits may be written as an address of IPv4. */
function withoutDots(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) => (
    `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`));
}

function binary(value: number, width: number): string {
  return value.toString(2).padStart(width, '0');
}
