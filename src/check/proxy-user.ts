import { PROXY_UID } from '../contract/ports';
import { applicationsIn } from './containers';
import { defineCheck } from './define';

/** An application that runs as the sidecar's user: its traffic counts as the sidecar's own. */
export const proxyUser = defineCheck('MW130', 'error', 'proxy-user', (graph, report) => {
  for (const { path, container } of applicationsIn(graph)) {
    if (container.runAsUser !== PROXY_UID) continue;
    report(path, `container ${container.name}: runAsUser ${PROXY_UID}`, `must not be ${PROXY_UID}, the sidecar's user: its traffic would count as the sidecar's own`, 'write another user, such as 1000');
  }
});
