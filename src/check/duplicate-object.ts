import { defineCheck } from './define';
import type { EmittedObject } from './graph';
import { groupOf } from './object-group';

/** Two objects of one kind, namespace and name: the second apply overwrites the first. */
export const duplicateObject = defineCheck('MW132', 'error', 'duplicate-object', ({ objects }, report) => {
  const first = new Map<string, EmittedObject>();
  for (const object of objects) {
    const { apiVersion, kind, namespace, name, path } = object;
    const key = `${groupOf(apiVersion)} ${kind} ${CLUSTER_SCOPED.includes(kind) ? '' : namespace ?? ''}/${name}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, object);
    else report(path, `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`, `must be the only one of its name: ${other.path} has it too`, 'give one of them another name');
  }
});

/** Kinds that no namespace tells apart, though cdk8s gives them that of their chart. */
const CLUSTER_SCOPED = [
  'Namespace', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition', 'PersistentVolume', 'StorageClass', 'PriorityClass', 'IngressClass',
  'GatewayClass', 'ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding',
];
