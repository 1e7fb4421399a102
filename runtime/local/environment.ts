import { expand } from './expand';
import type { KubeObject } from './types';

/** `EnvVar` of a container. */
export interface EnvironmentSource {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly configMapKeyRef?: KeyReference;
    readonly secretKeyRef?: KeyReference;
  };
}

interface KeyReference {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

/** What the downward API knows of a pod. */
export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The environment that a container's `env` describes: values in order, each expanded with those before it, fields of the downward API, keys of the
 * manifests' own ConfigMaps and Secrets.
 * @throws for what a laptop cannot know
 */
export function environmentOf(
  container: { readonly name: string; readonly env?: readonly EnvironmentSource[]; readonly envFrom?: unknown },
  pod: PodFacts, objects: readonly KubeObject[],
): Record<string, string> {
  if (container.envFrom !== undefined) throw new Error(`container ${container.name}: envFrom is not supported on a laptop; name each variable in env`);
  const env: Record<string, string> = {};
  for (const variable of container.env ?? []) {
    const value = variable.value !== undefined ? expand(variable.value, env) : referenced(variable, container.name, pod, objects);
    if (value !== undefined) env[variable.name] = value;
    else if (variable.valueFrom === undefined) env[variable.name] = '';
  }
  return env;
}

function referenced(variable: EnvironmentSource, container: string, pod: PodFacts, objects: readonly KubeObject[]): string | undefined {
  const from = variable.valueFrom;
  if (!from) return undefined;
  const unknown = (what: string, fix: string) => new Error(`container ${container}: env ${variable.name}: ${what}; ${fix}`);
  if (from.fieldRef) {
    const value = field(from.fieldRef.fieldPath, pod);
    if (value === undefined) throw unknown(`fieldPath ${JSON.stringify(from.fieldRef.fieldPath)} is not known on a laptop`, 'give it a value');
    return value;
  }
  const [kind, reference] = from.configMapKeyRef ? ['ConfigMap', from.configMapKeyRef] as const : ['Secret', from.secretKeyRef] as const;
  if (!reference) throw unknown(`valueFrom ${Object.keys(from).join(', ')} is not known on a laptop`, 'give it a value');
  const holder = objects.find((object) =>
    object.kind === kind && object.metadata.name === reference.name && (object.metadata.namespace ?? 'default') === pod.namespace);
  const value = holder && keyOf(holder, reference.key);
  if (value === undefined && !reference.optional) {
    throw unknown(`no key ${JSON.stringify(reference.key)} in ${kind}/${reference.name} of namespace ${pod.namespace}`, `add the ${kind} to the manifests`);
  }
  return value;
}

function field(path: string, pod: PodFacts): string | undefined {
  switch (path) {
    case 'metadata.name': return pod.name;
    case 'metadata.namespace': return pod.namespace;
    case 'status.podIP': case 'status.podIPs': case 'status.hostIP': return pod.address;
    case 'spec.serviceAccountName': return pod.serviceAccount;
    case 'spec.nodeName': return 'localhost';
  }
  const label = /^metadata\.labels\['(.+)'\]$/.exec(path)?.[1];
  return label === undefined ? undefined : pod.labels[label] ?? '';
}

function keyOf(holder: KubeObject, key: string): string | undefined {
  const { data, stringData } = holder as { data?: Record<string, string>; stringData?: Record<string, string> };
  if (stringData && Object.hasOwn(stringData, key)) return stringData[key];
  if (!data || !Object.hasOwn(data, key)) return undefined;
  return holder.kind === 'Secret' ? Buffer.from(data[key]!, 'base64').toString() : data[key];
}
