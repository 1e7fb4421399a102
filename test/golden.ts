import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';

/** One input file, as the transform sees it. */
export interface GoldenInput {
  /** File name without `.in.yaml`. */
  readonly name: string;
  readonly text: string;
  /** The YAML documents in it; empty ones are left out. */
  readonly documents: readonly unknown[];
}

/** What a transform makes: text as it is; anything else is written as YAML. */
export type GoldenOutput = string | object;

/**
 * One test for each `<name>.in.yaml` of a folder: what `transform` makes of it must be what `<name>.out.yaml` says. With `UPDATE_GOLDENS=1` the
 * outputs are written instead, and those whose input is gone are deleted; without it a stale output fails.
 * @param dir folder with the files.
 */
export function goldenTest(dir: string, transform: (input: GoldenInput) => GoldenOutput | Promise<GoldenOutput>): void {
  goldenSteps(dir, [''], async (input) => ({ '': await transform(input) }));
}

/**
 * The same for a translation of several steps: each writes `<name>.<step>.out.yaml`, the step without a name `<name>.out.yaml`.
 * @param steps all that the transform makes.
 */
export function goldenSteps<S extends string>(
  dir: string, steps: readonly S[], transform: (input: GoldenInput) => Record<S, GoldenOutput> | Promise<Record<S, GoldenOutput>>,
): void {
  const outputOf = (name: string, step: S) => `${name}${step === '' ? '' : `.${step}`}.out.yaml`;
  const update = process.env.UPDATE_GOLDENS === '1';
  const files = existsSync(dir) ? readdirSync(dir).sort() : [];
  const names = files.filter((file) => file.endsWith('.in.yaml')).map((file) => file.slice(0, -'.in.yaml'.length));

  test('every golden output has its input', () => {
    const expected = new Set(names.flatMap((name) => steps.map((step) => outputOf(name, step))));
    const stale = files.filter((file) => file.endsWith('.out.yaml') && !expected.has(file));
    if (update) stale.forEach((file) => unlinkSync(join(dir, file)));
    expect(names.length).toBeGreaterThan(0);
    expect(update ? [] : stale).toEqual([]);
  });

  test.each(names)('golden %s', async (name) => {
    const text = readFileSync(join(dir, `${name}.in.yaml`), 'utf8');
    const documents = parseAllDocuments(text).map((document) => {
      if (document.errors.length > 0) throw new Error(`${name}.in.yaml: ${document.errors[0].message}`);
      return document.toJS() as unknown;
    }).filter((document) => document !== null);
    const made = await transform({ name, text, documents });
    for (const step of steps) {
      const output = typeof made[step] === 'string' ? made[step] : toYaml(made[step]);
      const file = join(dir, outputOf(name, step));
      if (update) writeFileSync(file, output);
      expect(existsSync(file)).toBe(true);
      expect(output).toBe(readFileSync(file, 'utf8'));
    }
  });
}

/** A value as YAML that diffs well: no line folding, no aliases; Maps and Sets as YAML has them, bytes as text. */
export function toYaml(value: unknown): string {
  return stringify(plain(value), { lineWidth: 0, aliasDuplicateObjects: false });
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]));
  if (value instanceof Set) return [...value].map(plain);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, plain(item)]));
}
