import type { Condition, StatusReport } from '../status';

/** The status for people: one page without scripts. */
export function statusPage(report: StatusReport, source: string): string {
  const objects = report.objects.map(({ kind, namespace, name, location, conditions }) => row([
    escape(`${kind} ${namespace}/${name}`), escape(location), ...['Accepted', 'ResolvedRefs', 'Programmed'].map((type) => (
      conditionCell(conditions.find((one) => one.type === type))
    )),
  ]));
  const proxies = report.proxies.map(({ node, service, version, region, state, connectedSince }) => row([
    escape(node), escape(service), escape(version), escape(region ?? ''), `<span class="${state === 'current' ? 'ok' : 'bad'}">${escape(state)}</span>`, escape(connectedSince),
  ]));
  const unreadable = report.unreadable.map(({ location, message }) => row([escape(location), escape(message)]));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>meshwright control plane</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222 }
table { border-collapse: collapse; margin: 0 0 2em } th, td { text-align: left; vertical-align: top; padding: .3em .8em; border-bottom: 1px solid #ddd }
pre { margin: .2em 0 0; white-space: pre-wrap; max-width: 60em; font-size: 12px } .ok { color: #186a3b } .bad { color: #b03a2e; font-weight: 600 }
</style>
<h1>meshwright control plane</h1>
<p>${escape(source)}: <span class="${report.healthy ? 'ok' : 'bad'}">${report.healthy ? 'nothing is wrong' : 'something is wrong'}</span></p>
${table('Unreadable', ['Where', 'Why'], unreadable)}
${table('Objects', ['Object', 'Where', 'Accepted', 'ResolvedRefs', 'Programmed'], objects)}
${table('Proxies', ['Node', 'Service', 'Version', 'Region', 'State', 'Connected since'], proxies)}
</html>
`;
}

function table(title: string, heads: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return '';
  return `<h2>${title} (${rows.length})</h2>\n<table>\n<tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr>\n${rows.join('\n')}\n</table>`;
}

function row(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

function conditionCell(condition: Condition | undefined): string {
  if (!condition) return '';
  const { status, reason, message } = condition;
  const head = `<span class="${status === 'False' ? 'bad' : 'ok'}">${escape(status === 'False' ? reason : status)}</span>`;
  return message === '' ? head : `${head}<pre>${escape(message)}</pre>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
