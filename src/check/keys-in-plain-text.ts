import { defineCheck } from './define';

/** Whoever can change the keys on their way makes tokens of any kind. */
export const keysInPlainText = defineCheck('MW158', 'warning', 'keys-in-plain-text', (graph, report) => {
  for (const { path, spec: { authentication } } of graph.services) {
    for (const { issuer, jwksUri } of authentication?.jwt.providers ?? []) {
      const url = jwksUri ?? issuer;
      if (!url.startsWith('http://')) continue;
      report(path, `authentication.${jwksUri === undefined ? 'issuer' : 'jwksUri'}: ${url}`,
        'keys come in plain text: whoever is on the way can put others in their place, and make tokens',
        'write https, or acknowledge where the way is one that nobody else is on');
    }
  }
});
