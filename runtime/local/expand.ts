/**
 * Kubernetes' expansion of `$(NAME)` in commands, arguments and values of environment variables: `$$(NAME)` is the text `$(NAME)`, and a
 * reference to a variable that is not there stays as it is.
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  let out = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0 || dollar + 1 >= text.length) break;
    out += text.slice(at, dollar);
    const next = text[dollar + 1];
    const end = next === '(' ? text.indexOf(')', dollar + 2) : -1;
    if (next === '$') {
      out += '$';
      at = dollar + 2;
    } else if (end < 0) {
      // A dollar that begins no reference, or a parenthesis that nothing closes.
      out += next === '(' ? '$(' : `$${next}`;
      at = dollar + 2;
    } else {
      const name = text.slice(dollar + 2, end);
      out += Object.hasOwn(variables, name) ? variables[name] : `$(${name})`;
      at = end + 1;
    }
  }
  return out + text.slice(at);
}
