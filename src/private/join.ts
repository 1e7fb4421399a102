import { ApiObject } from 'cdk8s';
import type { Workload } from 'cdk8s-plus-27';
import type { Finding } from '../check/finding';
import { Code, error } from './finding';

/** Kinds whose pods live as long as the service does. */
const JOINABLE: readonly string[] = ['Deployment', 'StatefulSet'];
const joined = new WeakMap<ApiObject, string>();

/** Why a workload cannot join. */
export function joinFindings(path: string, namespace: string, workload: Workload): Finding[] {
  const object = ApiObject.of(workload);
  const what = `workload: ${object.kind} ${workload.node.path}`;
  const findings: Finding[] = [];
  const bad = (value: string, rule: string, fix: string) => findings.push(error(Code.WORKLOAD, path, value, rule, fix));
  if (!JOINABLE.includes(object.kind)) {
    bad(what, `must be a ${JOINABLE.join(' or a ')}`, 'pass one of these, or write new MeshService(…) with an image');
  }
  const own = object.metadata.namespace;
  if (own !== undefined && own !== namespace) {
    bad(`${what} in namespace ${own}`, `must be in the namespace of its service, ${namespace}`, 'make the service in the chart of the workload');
  }
  const other = joined.get(object);
  if (other !== undefined && other !== path) bad(`${what}, joined as ${other}`, 'can join once', 'take one of the two out');
  else joined.set(object, path);
  return findings;
}
