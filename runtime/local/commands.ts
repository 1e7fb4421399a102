import { podKey, type PodSpec, type PodState, type ProcessSpec } from './types';

/** What a person can do to running pods. */
export interface FaultCommand {
  readonly target: string;
  readonly verb: string;
  readonly pods: readonly PodSpec[];
}

/** Verbs that the runner itself does to one pod: kill all its processes, or one of them. They are started again, as after any crash. */
const KILLS: Readonly<Record<string, readonly ProcessSpec['role'][] | undefined>> = { 'kill': undefined, 'kill-app': ['app'], 'kill-proxy': ['proxy'] };
/** Verbs that the runner itself does to all pods of the target: kill them and leave them dead, and let them live again. */
const HOLDS: readonly string[] = ['stop', 'start'];

/** Processes that a verb of the runner's own kills; undefined where it is none. */
export function killedBy(verb: string): { readonly roles: readonly ProcessSpec['role'][] | undefined } | undefined {
  return Object.hasOwn(KILLS, verb) ? { roles: KILLS[verb] } : undefined;
}

/**
 * Reads `payment: fail`. The target is a service, a version of it (`payment-v2`, its workload) or one pod; a beginning of a pod's name is enough
 * where it is the only one. A kill of a service kills one of its pods, as in a cluster pods fail one by one.
 * @throws for a line that is none, with the words that would be
 */
export function parseCommand(line: string, pods: readonly PodState[]): FaultCommand {
  const match = /^\s*([a-z0-9][-a-z0-9/]*)\s*:?\s+([a-z][-a-z]*)\s*$/.exec(line) ?? /^\s*([a-z0-9][-a-z0-9/]*)\s*:\s*([a-z][-a-z]*)\s*$/.exec(line);
  if (!match) throw new Error(`${JSON.stringify(line.trim())}: a command is <service>: <verb>, such as ${exampleOf(pods)}`);
  const [, target, verb] = match as unknown as [string, string, string];
  const found = targets(target, pods);
  if (found.length === 0) throw new Error(`${target}: no such service or pod; there are ${serviceNames(pods).join(', ')}`);
  if (killedBy(verb)) return { target, verb, pods: [(found.find((pod) => pod.ready) ?? found[0]!).spec] };
  if (HOLDS.includes(verb)) return { target, verb, pods: found.map(({ spec }) => spec) };
  const able = found.filter(({ spec }) => spec.control?.verbs.includes(verb));
  if (able.length === 0) {
    const verbs = [...new Set(found.flatMap(({ spec }) => spec.control?.verbs ?? []))];
    throw new Error(`${target}: cannot ${verb}; it can ${[...verbs, ...Object.keys(KILLS), ...HOLDS].join(', ')}`);
  }
  return { target, verb, pods: able.map(({ spec }) => spec) };
}

function targets(target: string, pods: readonly PodState[]): readonly PodState[] {
  const running = pods.filter(({ phase }) => phase === 'running');
  const named = running.filter(({ spec }) => spec.service === target || spec.workload.endsWith(`/${target}`) || spec.name === target || podKey(spec) === target);
  if (named.length > 0) return named;
  const begun = running.filter(({ spec }) => spec.name.startsWith(target));
  return begun.length === 1 ? begun : [];
}

function serviceNames(pods: readonly PodState[]): string[] {
  return [...new Set(pods.flatMap(({ spec }) => (spec.service === undefined ? [] : [spec.service])))].sort();
}

function exampleOf(pods: readonly PodState[]): string {
  const able = pods.find(({ spec }) => spec.control !== undefined);
  return able ? `${able.spec.service}: ${able.spec.control!.verbs[0]}` : `${serviceNames(pods)[0] ?? 'payment'}: kill`;
}
