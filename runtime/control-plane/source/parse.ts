import { LineCounter, parseAllDocuments } from 'yaml';
import type { RawDocument } from '../resources';

/** The documents of a file; or why it has none. */
export type Parsed =
  | { readonly kind: 'documents'; readonly documents: readonly RawDocument[] }
  | { readonly kind: 'error'; readonly line: number; readonly message: string };

/**
 * Documents of a YAML or JSON file, the items of a `kind: List` as if each stood alone; empty documents are none. A file with one error has no
 * documents: what follows the error may mean something else than was meant.
 * @param file name for locations: `shop/payment.yaml`.
 */
export function parseManifests(text: string, file: string): Parsed {
  const json = parseJson(text);
  if (json !== undefined) {
    const line = text.slice(0, text.search(/\S/)).split('\n').length;
    return { kind: 'documents', documents: documentsOf(json, file, line) };
  }
  const lines = new LineCounter();
  // YAML 1.2 has JSON in it, with the same rule on keys that stand twice.
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (!Array.isArray(parsed)) return { kind: 'documents', documents: [] };
  const documents: RawDocument[] = [];
  for (const document of parsed) {
    const [error] = document.errors;
    if (error) return { kind: 'error', line: lines.linePos(error.pos[0]).line, message: describe(error.code, error.message) };
    const { line } = lines.linePos(document.contents?.range?.[0] ?? document.range[0]);
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (thrown) {
      return { kind: 'error', line, message: (thrown as Error).message };
    }
    documents.push(...documentsOf(value, file, line));
  }
  return { kind: 'documents', documents };
}

/**
 * A JSON text, forty times as fast as by the way of YAML. Undefined where that way has to be taken: for what is no JSON, or has a key twice, which
 * JSON.parse passes over in silence. In a text that is JSON a string before a colon is a key, and nothing else is.
 */
function parseJson(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const written = text.match(/"(?:[^"\\]|\\.)*"\s*:/g)?.length ?? 0;
    return countKeys(value) === written ? value : undefined;
  } catch {
    return undefined;
  }
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members = Object.values(value);
  return members.reduce((sum: number, member) => sum + countKeys(member), Array.isArray(value) ? 0 : members.length);
}

function documentsOf(value: unknown, file: string, line: number): RawDocument[] {
  if (value === null || value === undefined) return [];
  return items(value).map((item, index, all) => ({
    value: item, location: `${file}:${line}${all.length > 1 || item !== value ? ` items[${index}]` : ''}`,
  }));
}

function items(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value];
  const { kind, apiVersion, items: list } = value as { kind?: unknown; apiVersion?: unknown; items?: unknown };
  return kind === 'List' && apiVersion === 'v1' && Array.isArray(list) ? list : [value];
}

function describe(code: string, message: string): string {
  return code === 'DUPLICATE_KEY' ? 'a key stands twice in one object; remove one of the two' : message;
}
