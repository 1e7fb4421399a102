import { join } from 'node:path';
import { parse } from 'yaml';
import { decodeBootstrap } from '../../../../runtime/proxy/bootstrap/decode';
import { BootstrapError } from '../../../../runtime/proxy/bootstrap/types';
import { fromJson, schemaOf } from '../../../../runtime/xds';
import { goldenTest } from '../../../golden';
import { decodeMessage } from './decode-message';

type Json = Record<string, unknown>;

interface Cases {
  readonly good: Readonly<Record<string, Json>>;
  readonly cases: readonly { readonly of: string; readonly set: Json }[];
}

/** Sets what stands at a path of members and indices; null takes it away. */
function setAt(target: Json, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  const holder = keys.reduce<Json>((at, key) => at[key] as Json, target);
  if (value === null) delete holder[last];
  else holder[last] = value;
}

/** Everything that is said about a document; nothing where it is accepted. */
function problemsOf(kind: string, document: Json): readonly string[] {
  if (kind === 'bootstrap') {
    try {
      decodeBootstrap(document, 'bootstrap.yaml');
      return [];
    } catch (error) {
      if (!(error instanceof BootstrapError)) throw error;
      return error.problems;
    }
  }
  const { '@type': type, ...fields } = document as { '@type': string };
  return decodeMessage(fromJson(schemaOf(type)!, fields)).problems;
}

describe('what is refused, with everything that is said about it', () => {
  goldenTest(join(__dirname, '../../../testdata/proxy/refused'), ({ text }) => {
    const { good, cases } = parse(text, { merge: true }) as Cases;
    for (const [kind, document] of Object.entries(good)) expect(problemsOf(kind, document)).toEqual([]);
    return cases.map(({ of, set }) => {
      const document = structuredClone(good[of]);
      for (const [path, value] of Object.entries(set)) setAt(document, path, value);
      const problems = problemsOf(of, document);
      expect({ set, problems }).not.toEqual({ set, problems: [] });
      return { of, set, problems };
    });
  });
});
