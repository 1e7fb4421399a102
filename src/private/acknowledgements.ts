import { IConstruct } from 'constructs';
import type { Finding } from '../check/finding';
import { Code, error } from './finding';

/** One call of `acknowledge`. */
interface Acknowledgement {
  readonly path: string;
  readonly code: string;
  readonly reason: string;
}

/** What the program says is right as it is. Remembers what it was needed for. */
export class Acknowledgements {
  private readonly all: readonly Acknowledgement[];
  private readonly used = new Set<Acknowledgement>();

  public constructor(reasons: ReadonlyMap<IConstruct, ReadonlyMap<string, string>>) {
    this.all = [...reasons].flatMap(([{ node: { path } }, byCode]) => [...byCode].map(([code, reason]) => ({ path, code, reason })))
      .sort((a, b) => b.path.length - a.path.length || (a.path + a.code < b.path + b.code ? -1 : 1));
  }

  /** Path of the nearest construct, that of the finding or one above it, on which it was acknowledged. */
  public coverOf({ path, code }: Finding): string | undefined {
    const nearest = this.all.find((one) => one.code === code && (one.path === '' || path === one.path || path.startsWith(`${one.path}/`)));
    if (nearest !== undefined) this.used.add(nearest);
    return nearest?.path;
  }

  /** Those that say nothing. */
  public get vain(): Finding[] {
    return this.all.filter(({ reason }) => reason.trim() === '').map(({ path, code }) => {
      const fix = `write acknowledge('${code}', 'why this is right here')`;
      return error(Code.ACKNOWLEDGEMENT, path, `acknowledge('${code}', '')`, 'an acknowledgement needs a reason', fix);
    });
  }

  /** Those that nothing was found for. */
  public get stale(): string[] {
    return this.all.filter((one) => !this.used.has(one))
      .map(({ path, code }) => `note ${path}: acknowledge('${code}', …): nothing to acknowledge; take it out`).sort();
  }
}
