import { parseAllDocuments } from 'yaml';
import type { KubeObject, Problem } from './types';

/** A file of manifests: YAML documents or JSON, one Kubernetes object or `List` each. */
export interface ManifestFile {
  /** Path inside the folder. */
  readonly name: string;
  readonly text: string;
}

/** Whether a file of a folder is taken for manifests. */
export function isManifest(path: string): boolean {
  return /\.(ya?ml|json)$/.test(path) && !/(^|\/)meshwright\.local\.ya?ml$/.test(path);
}

/** The objects of all files, in the order of file names. A document that cannot be read costs only itself. */
export function readManifests(files: readonly ManifestFile[]): { readonly objects: readonly KubeObject[]; readonly problems: readonly Problem[] } {
  const objects: KubeObject[] = [];
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    parseAllDocuments(file.text, { merge: true }).forEach((document, index) => {
      const where = `${file.name}#${index + 1}`;
      if (document.errors.length > 0) {
        problems.push({ where, message: `no YAML: ${document.errors[0]!.message.split('\n')[0]}` });
        return;
      }
      for (const value of unpackList(document.toJS() as unknown)) {
        const object = asObject(value);
        if (!object) {
          problems.push({ where, message: 'no Kubernetes object: apiVersion, kind and metadata.name must be texts' });
          continue;
        }
        const key = `${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`;
        const first = seen.get(key);
        if (first) {
          problems.push({ where, message: `${object.kind}/${object.metadata.name} stands in ${first} already; the first one is used. Remove one of them` });
        } else {
          seen.set(key, where);
          objects.push(object);
        }
      }
    });
  }
  return { objects, problems };
}

function unpackList(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  const { kind, items } = value as { kind?: unknown; items?: unknown };
  return kind === 'List' && Array.isArray(items) ? items : [value];
}

function asObject(value: unknown): KubeObject | undefined {
  const object = value as KubeObject;
  const whole = typeof value === 'object' && typeof object.apiVersion === 'string' && typeof object.kind === 'string' && typeof object.metadata?.name === 'string';
  return whole ? object : undefined;
}
