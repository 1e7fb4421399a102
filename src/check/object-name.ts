import { DNS_SUBDOMAIN } from '../contract/names';
import { defineCheck } from './define';
import type { EmittedObject, MeshGraph } from './graph';
import { groupOf } from './object-group';

/** Names that an object's kind does not allow: the API server refuses them, minutes after a green synth. */
export const objectName = defineCheck('MW127', 'error', 'object-name', (graph, report) => {
  const ours = pathsOf(graph);
  for (const object of graph.objects) {
    const rule = ruleFor(object);
    if (rule === undefined || rule.holds(object.name)) continue;
    // Objects of our constructs bear the construct's name, and the construct has told of one that is no DNS name at all.
    if (below(object.path, ours) && !SUBDOMAIN.holds(object.name)) continue;
    if (below(object.path, ours) && object.name.length > rule.max) continue;
    report(object.path, `${object.kind} ${JSON.stringify(object.name)}`, rule.text, 'give the construct another id or name');
  }
});

interface NameRule {
  readonly text: string;
  readonly max: number;
  holds(name: string): boolean;
}

const SUBDOMAIN: NameRule = {
  text: 'must be a DNS subdomain: at most 253 lower-case letters, digits, hyphens and dots, with a letter or digit first and last',
  max: 253,
  holds: (name) => name.length <= 253 && new RegExp(DNS_SUBDOMAIN).test(name),
};

// A Service's name becomes a host name of RFC 1035; only the newest versions of Kubernetes can be told to take others.
const SERVICE: NameRule = {
  text: 'must be a DNS label that begins with a letter (RFC 1035): at most 63 lower-case letters, digits and hyphens',
  max: 63,
  holds: (name) => name.length <= 63 && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name),
};

function ruleFor({ apiVersion, kind }: EmittedObject): NameRule | undefined {
  // Roles and their bindings may have almost any name.
  if (groupOf(apiVersion) === 'rbac.authorization.k8s.io') return undefined;
  return apiVersion === 'v1' && kind === 'Service' ? SERVICE : SUBDOMAIN;
}

function pathsOf({ meshes, services, externals, routes }: MeshGraph): ReadonlySet<string> {
  return new Set([...meshes, ...services, ...externals, ...routes].map(({ path }) => path));
}

function below(path: string, paths: ReadonlySet<string>): boolean {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) if (paths.has(at)) return true;
  return false;
}
