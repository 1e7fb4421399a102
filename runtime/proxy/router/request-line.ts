import type { Framing } from '../http1/framing';
import type { Head } from '../http1/head';

const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS'];

/** The method as text; the usual ones without a new string. */
export function methodOf(head: Head): string {
  const length = head.methodEnd - head.methodStart;
  const at = head.base + head.methodStart;
  outer: for (const method of METHODS) {
    if (method.length !== length) continue;
    for (let i = 0; i < length; i++) if (head.bytes[at + i] !== method.charCodeAt(i)) continue outer;
    return method;
  }
  return head.text(head.methodStart, head.methodEnd);
}

/** Origin-form, whatever the client wrote. */
export function pathOf(head: Head, framing: Framing): string {
  const { pathStart, pathEnd } = framing;
  if (framing.connect) return '';
  if (pathStart === pathEnd) return methodOf(head) === 'OPTIONS' ? '*' : '/';
  const path = head.text(pathStart, pathEnd);
  return path.charCodeAt(0) === 63 ? `/${path}` : path;
}
