import { readFile, rename, writeFile } from 'node:fs/promises';
import type { ApiObject, KubernetesApi } from '../kubernetes';
import { readAuthority, writeAuthority, type AuthorityData } from './authority-secret';
import type { RotationStore } from './rotate-root';
import { decoded, encoded } from './secret-store';

/** The authority in a Secret: a write goes only to the version that was read. */
export function secretRotation(api: KubernetesApi, namespace: string, name: string): RotationStore {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const what = `Secret ${namespace}/${name}`;
  let read: ApiObject | undefined;
  return {
    name: what,
    read: async () => {
      read = await api.request<ApiObject>({ method: 'GET', path });
      return readAuthority(decoded(read), what);
    },
    write: async (state) => {
      // Whole, and not merged: what a step is over with must be gone.
      read = await api.request<ApiObject>({ method: 'PUT', path, body: { ...read, data: encoded(writeAuthority(state)) } });
    },
  };
}

/** The authority in a file. */
export function fileRotation(file: string): RotationStore {
  return {
    name: file,
    read: async () => readAuthority(JSON.parse(await readFile(file, 'utf8')) as AuthorityData, file),
    write: async (state) => {
      const draft = `${file}.${process.pid}.new`;
      await writeFile(draft, JSON.stringify(writeAuthority(state)), { mode: 0o600 });
      await rename(draft, file);
    },
  };
}
