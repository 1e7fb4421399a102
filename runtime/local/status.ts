import { readFileSync } from 'node:fs';
import type { Problem } from './types';

/** The part of a control plane's status file that says what is wrong. */
interface StatusFile {
  readonly objects?: readonly {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly location: string;
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
  }[];
  readonly unreadable?: readonly { readonly location: string; readonly message: string }[];
}

/**
 * What the control plane, or a proxy, does not take of the manifests. What only waits for something is no problem, nor what follows from a condition
 * that is told already.
 */
export function refusals(text: string): Problem[] {
  const { objects = [], unreadable = [] } = JSON.parse(text) as StatusFile;
  const refused = objects.flatMap(({ kind, namespace, name, location, conditions }) => conditions
    .filter(({ type, status, reason }) => status === 'False' && (type !== 'Programmed' || reason === 'Refused'))
    .map(({ message }): Problem => ({ where: `${location}: ${kind} ${namespace}/${name}`, message })));
  return [...unreadable.map(({ location, message }): Problem => ({ where: location, message })), ...refused];
}

/** Those of a status file; none where there is no such file yet, or it is being replaced. */
export function readRefusals(file: string): readonly Problem[] {
  try {
    return refusals(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}
