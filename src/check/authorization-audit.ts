import { defineCheck } from './define';

/** An audit that somebody may forget once everything is declared. */
export const authorizationAudit = defineCheck('MW153', 'warning', 'authorization-audit', (graph, report) => {
  const fix = 'declare what meshwright_authorization_denied_total names and take it out, or acknowledge while the audit lasts';
  for (const { path, spec: { authorization } } of [...graph.meshes, ...graph.services]) {
    if (authorization === 'audit') report(path, 'authorization: audit', 'calls that nobody declares are counted, and let through', fix);
  }
});
