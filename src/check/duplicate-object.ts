import { defineCheck } from './define';
import type { EmittedObject, ServiceNode } from './graph';
import { groupOf } from './object-group';

/** Two objects of one kind, namespace and name: the second apply overwrites the first. */
export const duplicateObject = defineCheck('MW132', 'error', 'duplicate-object', ({ objects, services }, report) => {
  const first = new Map<string, EmittedObject>();
  const byPath = new Map(services.map((service) => [service.path, service]));
  const told = new Set<ServiceNode>();
  // Two services of one name are one mistake, whatever is emitted for them.
  const sameService = (a: EmittedObject, b: EmittedObject): boolean => {
    const [one, other] = [a, b].map(({ path }) => byPath.get(path.slice(0, path.lastIndexOf('/'))));
    if (one === undefined || other === undefined || one === other || one.key !== other.key) return false;
    if (!told.has(one)) {
      told.add(one);
      report(one.path, `name: ${one.name}`, `must be the only service of its name in namespace ${one.namespace}: ${other.path} has it too`, 'give one of them another name');
    }
    return true;
  };
  for (const object of objects) {
    const { apiVersion, kind, namespace, name, path } = object;
    const key = `${groupOf(apiVersion)} ${kind} ${CLUSTER_SCOPED.includes(kind) ? '' : namespace ?? ''}/${name}`;
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, object);
    } else if (!sameService(object, other)) {
      const what = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
      // A mesh emits those that are not there when it is made.
      const fix = kind === 'Namespace' ? 'write it before the mesh, or createNamespaces: false on the mesh' : 'give one of them another name';
      report(path, what, `must be the only one of its name: ${other.path} has it too`, fix);
    }
  }
});

/** Kinds that no namespace tells apart, though cdk8s gives them that of their chart. */
const CLUSTER_SCOPED = [
  'Namespace', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition', 'PersistentVolume', 'StorageClass', 'PriorityClass', 'IngressClass',
  'GatewayClass', 'ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding',
];
