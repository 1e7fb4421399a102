/** Colours and columns of a terminal; every function is of text alone. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
}

const escape = (code: string) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const plain = (text: string) => text;

export const COLOURS: Style = { bold: escape('1'), dim: escape('2'), good: escape('32'), warn: escape('33'), bad: escape('1;31'), accent: escape('36') };
export const NO_COLOURS: Style = { bold: plain, dim: plain, good: plain, warn: plain, bad: plain, accent: plain };

const ESCAPES = /\u001b\[[0-9;]*m/g;

/** Columns that a text takes. */
export function width(text: string): number {
  return [...text.replace(ESCAPES, '')].length;
}

/** The text in exactly so many columns: cut with an ellipsis, or filled. Colours stay whole. */
export function fit(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const missing = columns - width(text);
  if (missing >= 0) return align === 'left' ? text + ' '.repeat(missing) : ' '.repeat(missing) + text;
  return cut(text, columns);
}

/** The text in at most so many columns. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let out = '';
  let left = columns - 1;
  for (const part of text.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith('\u001b[')) {
      out += part;
      continue;
    }
    const chars = [...part].slice(0, left);
    out += chars.join('');
    left -= chars.length;
    if (left === 0 && chars.length < [...part].length) break;
  }
  return `${out}…${text.includes('\u001b[') ? '\u001b[0m' : ''}`;
}
