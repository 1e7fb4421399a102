/** Length of the path without query and fragment: what path rules look at. */
export function pathLength(path: string): number {
  const query = path.indexOf('?');
  const fragment = path.indexOf('#');
  if (query < 0) return fragment < 0 ? path.length : fragment;
  return fragment < 0 || query < fragment ? query : fragment;
}

/**
 * Value of the first query parameter of that name, '' where it has no `=`; undefined where there is none. Nothing is decoded, as in Envoy: a rule
 * for `a b` matches neither `a+b` nor `a%20b`.
 */
export function queryValue(path: string, name: string): string | undefined {
  const query = path.indexOf('?');
  if (query < 0) return undefined;
  let at = query + 1;
  while (at < path.length) {
    let end = path.indexOf('&', at);
    if (end < 0) end = path.length;
    if (path.startsWith(name, at)) {
      const after = at + name.length;
      if (after === end) return '';
      if (after < end && path.charCodeAt(after) === 0x3d) return path.slice(after + 1, end);
    }
    at = end + 1;
  }
  return undefined;
}

/** Value of the first cookie of that name in a `cookie` header, without the quotes around it; undefined where there is none. */
export function cookieValue(header: string, name: string): string | undefined {
  let at = 0;
  while (at < header.length) {
    let end = header.indexOf(';', at);
    if (end < 0) end = header.length;
    while (at < end && header.charCodeAt(at) === 0x20) at++;
    const equals = at + name.length;
    if (equals < end && header.charCodeAt(equals) === 0x3d && header.startsWith(name, at)) {
      const quoted = end - equals > 2 && header.charCodeAt(equals + 1) === 0x22 && header.charCodeAt(end - 1) === 0x22;
      return quoted ? header.slice(equals + 2, end - 1) : header.slice(equals + 1, end);
    }
    at = end + 1;
  }
  return undefined;
}
