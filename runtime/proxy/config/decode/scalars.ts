import { isIP } from 'node:net';
import { milliseconds, type Address, type Duration, type FractionalPercent, type RuntimeFractionalPercent } from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';

/** Longest duration that is taken; a timer cannot count further, and nobody means it. */
const MAX_DURATION = 2 ** 31 - 1;

/** Milliseconds of a duration that may be 0, which switches off what it bounds. */
export function durationOrOff(value: Duration | undefined, fallback: number, path: string, problems: Problems): number {
  if (value === undefined) return fallback;
  const ms = milliseconds(value);
  if (ms < 0 || ms > MAX_DURATION) problems.add(path, `${show(`${ms / 1_000}s`)} must be between 0s and ${MAX_DURATION / 1_000}s`);
  return ms;
}

/** Milliseconds of a duration that must be positive. */
export function positiveDuration(value: Duration | undefined, fallback: number, path: string, problems: Problems): number {
  const ms = durationOrOff(value, fallback, path, problems);
  if (value !== undefined && ms === 0) problems.add(path, '"0s" must be positive: leave the field out for the default');
  return ms;
}

/** Parts of a million. Absent is everything. */
export function perMillion(value: FractionalPercent | undefined, path: string, problems: Problems): number {
  if (value === undefined) return 1_000_000;
  const scale = [10_000, 100, 1][value.denominator];
  if (scale === undefined) {
    problems.add(`${path}.denominator`, `${value.denominator} must be HUNDRED, TEN_THOUSAND or MILLION`);
    return 0;
  }
  return Math.min(1_000_000, value.numerator * scale);
}

/** The default value of a runtime fraction; `absent` where the whole field is. */
export function runtimeFraction(value: RuntimeFractionalPercent | undefined, absent: number, path: string, problems: Problems): number {
  if (value === undefined) return absent;
  if (value.defaultValue === undefined) {
    problems.add(`${path}.default_value`, 'is required: there are no runtime keys here that could give one');
    return absent;
  }
  return perMillion(value.defaultValue, `${path}.default_value`, problems);
}

/** A number between two bounds. */
export function inRange(value: number, low: number, high: number, path: string, problems: Problems): number {
  if (!(value >= low && value <= high)) problems.add(path, `${value} must be between ${low} and ${high}`);
  return value;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface AddressRules {
  /** Names are taken, not only IP addresses. */
  readonly names?: boolean;
  /** Port 0 is taken: the system picks one. */
  readonly anyPort?: boolean;
}

export function socketAddress(address: Address | undefined, path: string, problems: Problems, rules: AddressRules = {}): HostPort {
  if (address?.address.case !== 'socketAddress') {
    problems.add(`${path}.socket_address`, 'is required');
    return { host: '', port: 0 };
  }
  const at = `${path}.socket_address`;
  const { address: host, portSpecifier } = address.address.value;
  if (host === '') {problems.add(`${at}.address`, 'is required');} else if (isIP(host) === 0 && !(rules.names && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(host) && host.length <= 253)) {
    problems.add(`${at}.address`, `${show(host)} must be an IP address${rules.names ? ' or a host name' : ''}`);
  }
  if (portSpecifier.case !== 'portValue') {
    problems.add(`${at}.port_value`, 'is required');
    return { host, port: 0 };
  }
  const port = portSpecifier.value;
  if (port > 65_535 || (port === 0 && !rules.anyPort)) problems.add(`${at}.port_value`, `${port} must be between ${rules.anyPort ? 0 : 1} and 65535`);
  return { host, port };
}

/** Adds a problem for every name that is there twice. */
export function unique(names: readonly string[], path: (index: number) => string, problems: Problems): void {
  const seen = new Set<string>();
  names.forEach((name, index) => {
    if (seen.has(name)) problems.add(path(index), `${show(name)} is there twice; give each its own name`);
    seen.add(name);
  });
}
