import type { Duration } from '@bufbuild/protobuf/wkt';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { create } from './codec';

/** A google.protobuf.Duration of `ms` milliseconds, down to nanoseconds. */
export function duration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1_000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1_000) * 1e6) });
}

/** The milliseconds of a Duration; `fallback` where there is none. */
export function milliseconds(value: Duration): number;
export function milliseconds<T>(value: Duration | undefined, fallback: T): number | T;
export function milliseconds<T>(value: Duration | undefined, fallback?: T): number | T | undefined {
  return value === undefined ? fallback : Number(value.seconds) * 1_000 + value.nanos / 1e6;
}
