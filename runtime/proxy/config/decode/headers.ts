import { HeaderValueOption_HeaderAppendAction as AppendAction, type HeaderValueOption } from '../../../xds';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { HeaderMutation, HeaderValue } from '../types';

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// Printable, tab and obs-text (RFC 9110 §5.5).
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** These frame the message or name its connection: a change of them by configuration would break what the codec makes. */
const FRAMING = new Set(['connection', 'content-length', 'host', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

export const NO_HEADERS: HeaderMutation = Object.freeze({ remove: [], set: [], append: [] });

export function isHeaderName(name: string): boolean {
  return TOKEN.test(name);
}

/**
 * Header changes in Envoy's order: what is removed goes first, then what is added in the order written, so a later overwrite of a name drops
 * what was appended to it before.
 * @param field `request_headers` or `response_headers`, the prefix of the two fields' names; `path` is that of the message that has them.
 */
export function headerMutation(
  add: readonly HeaderValueOption[], remove: readonly string[], path: string, field: 'request_headers' | 'response_headers', problems: Problems,
): HeaderMutation {
  if (add.length === 0 && remove.length === 0) return NO_HEADERS;
  const prefix = path === '' ? field : `${path}.${field}`;
  const removed = remove.map((name, index) => headerName(name, `${prefix}_to_remove[${index}]`, problems));
  return headerList(add, removed, `${prefix}_to_add`, problems);
}

/** One list of headers to add, whatever its field is called. */
export function headerList(add: readonly HeaderValueOption[], remove: readonly string[], path: string, problems: Problems): HeaderMutation {
  const set: HeaderValue[] = [];
  let append: HeaderValue[] = [];
  add.forEach((option, index) => {
    const at = `${path}[${index}]`;
    const name = headerName(option.header?.key ?? '', `${at}.header.key`, problems);
    const header = { name, value: headerValue(option, `${at}.header.value`, problems) };
    if (overwrites(option)) {
      append = append.filter((other) => other.name !== name);
      const same = set.findIndex((other) => other.name === name);
      if (same >= 0) set[same] = header;
      else set.push(header);
    } else {
      append.push(header);
    }
  });
  return { remove, set, append };
}

/** `inner` first, then `outer`, as one change. */
export function chain(inner: HeaderMutation, outer: HeaderMutation): HeaderMutation {
  if (inner === NO_HEADERS) return outer;
  if (outer === NO_HEADERS) return inner;
  const gone = new Set([...outer.remove, ...outer.set.map((header) => header.name)]);
  const keep = (header: HeaderValue): boolean => !gone.has(header.name);
  return {
    remove: [...new Set([...inner.remove, ...outer.remove])],
    set: [...inner.set.filter(keep), ...outer.set],
    append: [...inner.append.filter(keep), ...outer.append],
  };
}

function overwrites(option: HeaderValueOption): boolean {
  if (option.append !== undefined) return !option.append;
  return option.appendAction === AppendAction.OVERWRITE_IF_EXISTS_OR_ADD;
}

function headerName(name: string, path: string, problems: Problems): string {
  const lower = name.toLowerCase();
  if (name.startsWith(':')) problems.add(path, `${show(name)} cannot be changed here: use the rewrites of the route`);
  else if (!TOKEN.test(lower)) problems.add(path, `${show(name)} is not a header name`);
  else if (FRAMING.has(lower)) problems.add(path, `${show(name)} cannot be changed: the proxy sets it for the connection`);
  return lower;
}

function headerValue(option: HeaderValueOption, path: string, problems: Problems): string {
  const value = option.header?.value ?? '';
  if (value === '' && !option.keepEmptyValue) problems.add(path, 'is empty: set keep_empty_value for an empty header, or leave the entry out');
  if (!VALUE.test(value)) problems.add(path, `${show(value)} has a character that no header value may have`);
  const literal = value.replaceAll('%%', '');
  if (literal.includes('%')) problems.add(path, `${show(value)} has a command operator, which is not supported; a literal percent sign is %%`);
  return value.replaceAll('%%', '%');
}
