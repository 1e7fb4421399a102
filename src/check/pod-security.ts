import { defineCheck } from './define';

/** Levels that refuse a container with NET_ADMIN. */
const REFUSING: readonly string[] = ['baseline', 'restricted'];

/** Interception in a namespace that refuses its init container: no pod is created. */
export const podSecurity = defineCheck('MW160', 'error', 'pod-security', ({ services, podSecurity: levels }, report) => {
  for (const { path, namespace, versions } of services) {
    const level = levels?.get(namespace);
    if (level === undefined || !REFUSING.includes(level) || versions.every(({ pod }) => pod.interception === undefined)) continue;
    report(
      path,
      `interception in namespace ${namespace}, which enforces ${level} pod security`,
      'must be where an init container may have NET_ADMIN',
      'write interception: Interception.none(), or have the namespace enforce privileged',
    );
  }
});
