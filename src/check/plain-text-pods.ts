import { defineCheck } from './define';

/** A called service whose pods have no proxy before their application: encryption and authorization end before them. */
export const plainTextPods = defineCheck('MW172', 'warning', 'plain-text-pods', ({ services }, report) => {
  const called = new Set(services.flatMap(({ calls }) => calls.map(({ target }) => target)));
  for (const { key, path, spec: { dataPlane, port } } of services) {
    // Of a pure client nobody uses the port.
    if (dataPlane === undefined || !called.has(key)) continue;
    report(
      path,
      `dataPlane: ${dataPlane}`,
      `port ${port.number} takes plain text from anybody who can reach the pods: no caller is asked who it is`,
      'leave dataPlane out, or acknowledge with what keeps others away, such as a NetworkPolicy that the cluster enforces',
    );
  }
});
