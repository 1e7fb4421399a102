import { defineCheck } from './define';

const RULE = 'plain text is taken from anybody who can reach the pods: no call is judged by who it is from';

/** Plain text that somebody may forget once a migration is done. */
export const permissiveEncryption = defineCheck('MW152', 'warning', 'permissive-encryption', (graph, report) => {
  const fix = 'watch meshwright_plaintext_connections_total and take it out once it stands still, or acknowledge while a migration lasts';
  for (const { path, spec: { encryption } } of [...graph.meshes, ...graph.services]) {
    if (encryption === 'permissive') report(path, 'encryption: permissive', RULE, fix);
  }
});
