import { readFileSync } from 'node:fs';
import type { Problems } from '../problems';
import { show } from '../problems';

/** envoy.config.core.v3.DataSource as far as it is accepted. */
interface DataSource {
  readonly specifier: { readonly case: string | undefined; readonly value?: unknown };
}

/** The bytes of a data source; a file is read now. Undefined, and a problem, where there are none. Problems never show what is in it. */
export function dataSource(source: DataSource | undefined, path: string, problems: Problems): Uint8Array | undefined {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case 'inlineString':
      return Buffer.from(specifier.value as string);
    case 'inlineBytes':
      return specifier.value as Uint8Array;
    case 'filename':
      try {
        return readFileSync(specifier.value as string);
      } catch (error) {
        problems.add(`${path}.filename`, `${show(specifier.value)} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
        return undefined;
      }
    default:
      problems.add(path, 'needs inline_string, inline_bytes or filename');
      return undefined;
  }
}

/** As `dataSource`, as text; empty where there is a problem. */
export function textSource(source: DataSource | undefined, path: string, problems: Problems): string {
  const bytes = dataSource(source, path, problems);
  return bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
}
