import { defineCheck } from './define';
import { percentOf, sharesOf } from './shares';
import { admittedByReplica, shownNumber } from './traffic';
import { viewOf } from './view';

/** A version that is sent more of the stated rate than its replicas admit: it is judged on its overload, not on its code. */
export const shareExceedsLimit = defineCheck('MW138', 'warning', 'share-exceeds-limit', (graph, report) => {
  const { incoming } = viewOf(graph);
  for (const share of sharesOf(graph)) {
    const { path, rule, service, version, part } = share;
    const perReplica = admittedByReplica(service.spec);
    const calls = (incoming.get(service.key) ?? []).filter(({ call }) => call.service === service.name);
    const rate = calls.reduce((sum, { call }) => sum + (call.requestsPerSecond ?? 0), 0);
    if (perReplica === undefined || rate * part <= perReplica * version.replicas) continue;
    report(
      path,
      `rule ${rule}: ${percentOf(share)} of the stated ${shownNumber(rate)} req/s = ${shownNumber(rate * part)} to version ${version.name}`,
      `must be at most what its replicas admit: ${version.replicas} x ${shownNumber(perReplica)} req/s = ${shownNumber(version.replicas * perReplica)}`,
      `write replicas: ${Math.ceil(rate * part / perReplica)} for version ${version.name}, or a smaller weight`,
    );
  }
});
