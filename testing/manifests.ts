import { Yaml, type App, type Chart } from 'cdk8s';
import { readManifests } from '../runtime/local/manifests';
import type { KubeObject } from '../runtime/local/types';

/** A cdk8s program, one of its charts (the whole program is taken), a text of manifests, or objects. */
export type MeshSource = App | Chart | string | readonly object[];

/** The objects of a program; synth's own checks run, and what they find is thrown. */
export function objectsOf(source: MeshSource): readonly KubeObject[] {
  const text = typeof source === 'string' ? source : Array.isArray(source) ? Yaml.stringify(...source) : synthesized(source as App | Chart);
  const { objects, problems } = readManifests([{ name: 'manifests', text }]);
  if (problems.length > 0) throw new Error(problems.map(({ where, message }) => `${where}: ${message}`).join('\n'));
  return objects;
}

function synthesized(source: App | Chart): string {
  const root = source.node.root as Partial<App>;
  if (root.synthYaml === undefined) throw new Error(`${source.node.path}: the chart must belong to an App`);
  return root.synthYaml();
}

/** Images that workloads run. */
export function imagesOf(objects: readonly KubeObject[]): string[] {
  return objects.flatMap((object) => {
    const pod = (object.spec as { template?: { spec?: { containers?: { image?: string }[] } } } | undefined)?.template?.spec;
    return (pod?.containers ?? []).flatMap(({ image }) => image ?? []);
  });
}
