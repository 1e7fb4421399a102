import type { Finding } from '../check/finding';

/** What the constructs themselves find, before the graph is looked at. Each has a page in `docs/findings`. */
export enum Code {
  /** A value that the contract or Kubernetes refuses. */
  VALUE = 'MW001',
  /** A field of the traffic policy with two sources. */
  POLICY_CONFLICT = 'MW002',
  /** No namespace. */
  NAMESPACE = 'MW003',
  /** A workload that cannot join. */
  WORKLOAD = 'MW004',
  /** A rule of a route that Gateway API cannot express. */
  ROUTE = 'MW005',
  /** An acknowledgement of what cannot be acknowledged. */
  ACKNOWLEDGEMENT = 'MW006',
}

/** An error that a construct found. */
export function error(code: Code, path: string, value: string, rule: string, fix: string): Finding {
  return { code, severity: 'error', path, value, rule, fix };
}

/** One line: `MW107 shop/payment: retry: 4 tries: must fit in the total timeout of 2s; write …`. */
export function sentence({ code, path, value, rule, fix }: Finding): string {
  return `${code} ${path}: ${value}: ${rule}; ${fix}`;
}

/** A value as an error shows it: short, and on one line. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : jsonOf(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** A construct knows its parents, which know it: nothing that JSON can write. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return `an object of class ${(value as object).constructor.name}`;
  }
}
