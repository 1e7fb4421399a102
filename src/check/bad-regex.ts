import { RE2JS } from 're2js';
import { defineCheck } from './define';
import type { RouteMatch } from './graph';

/** An expression that RE2 does not compile: the proxies would refuse the whole route table. */
export const badRegex = defineCheck('MW111', 'error', 'bad-regex', ({ routes }, report) => {
  for (const { path, rules } of routes) {
    for (const { name, matches } of rules) {
      for (const { where, expression } of matches.flatMap(expressionsOf)) {
        const reason = reasonOf(expression);
        if (reason === undefined) continue;
        const fix = 'write it in RE2 syntax: no look-around, no back reference; two rules often say the same';
        report(path, `rule ${name}: ${where} ${JSON.stringify(expression)}`, `must be a regular expression that RE2 compiles (${reason})`, fix);
      }
    }
  }
});

function expressionsOf({ path, headers, queryParams }: RouteMatch, index: number) {
  return [
    ...path?.type === 'RegularExpression' ? [{ where: `matches[${index}].path`, expression: path.value }] : [],
    ...headers.filter(({ type }) => type === 'RegularExpression').map(({ name, value }) => ({ where: `matches[${index}].headers.${name}`, expression: value })),
    ...queryParams.filter(({ type }) => type === 'RegularExpression').map(({ name, value }) => ({ where: `matches[${index}].queryParams.${name}`, expression: value })),
  ];
}

function reasonOf(expression: string): string | undefined {
  try {
    RE2JS.compile(expression);
    return undefined;
  } catch (cause) {
    return (cause as Error).message;
  }
}
