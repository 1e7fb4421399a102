import { bodyRules } from './body';
import { bootstrapRules } from './bootstrap';
import { clusterRules } from './cluster';
import { coreRules } from './core';
import { jwtRules } from './jwt';
import { listenerRules } from './listener';
import { rbacRules } from './rbac';
import { routeRules } from './route';
import type { FieldRule, RuleTable } from './rule';
import { tlsRules } from './tls';
import { accepted } from '.';

const CHAPTERS: readonly (readonly [string, RuleTable])[] = [
  ['Bootstrap', bootstrapRules], ['Listeners', listenerRules], ['Routes', routeRules], ['Clusters and endpoints', clusterRules],
  ['TLS', tlsRules], ['Authorization', rbacRules], ['Tokens', jwtRules], ['Bodies', bodyRules], ['Used by several', coreRules],
];

/** The table as a page for people. */
export function subsetPage(): string {
  const fields = Object.values(accepted).reduce((sum, rules) => sum + Object.keys(rules).length, 0);
  const lines = [
    '<!-- Written by scripts/generate-xds-table.ts. -->',
    '# What the proxy takes of xDS v3',
    '',
    `${Object.keys(accepted).length} message types with ${fields} fields. **A field that is not listed here is refused** wherever it is set: in a bootstrap the`,
    'proxy does not start, over ADS the resource is answered with a NACK that names the field\'s path, and the last good version goes on.',
    'Defaults are those that Envoy documents. *Ignored* is taken and has no effect, for the reason given.',
  ];
  for (const [title, rules] of CHAPTERS) {
    lines.push('', `## ${title}`);
    for (const [type, byField] of Object.entries(rules)) {
      lines.push('', `### ${type}`);
      if (Object.keys(byField).length === 0) lines.push('', 'Without fields.');
      else lines.push('', '| field | |', '|---|---|', ...Object.entries(byField).map(([field, rule]) => `| \`${field}\` | ${cell(rule)} |`));
    }
  }
  return `${lines.join('\n')}\n`;
}

function cell(rule: FieldRule): string {
  const note = (rule.note ?? '').replaceAll('|', '\\|');
  if (rule.kind === 'accepted') return note === '' ? 'accepted' : `accepted: ${note}`;
  if (rule.kind === 'ignored') return `*ignored*: ${note}`;
  const values = rule.values.map((value) => `\`${String(value)}\``).join(', ');
  return `only ${values}${note === '' ? '' : `: ${note}`}`;
}
