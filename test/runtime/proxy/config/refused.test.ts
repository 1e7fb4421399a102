import { join } from 'node:path';
import { parse } from 'yaml';
import { decodeBootstrap } from '../../../../runtime/proxy/bootstrap/decode';
import { BootstrapError } from '../../../../runtime/proxy/bootstrap/types';
import { AnySchema, create, fromJson, RouteConfigurationSchema, schemaOf } from '../../../../runtime/xds';
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

test('bytes that are not of the type their Any names are said where they stand, with what else is wrong', () => {
  const typeUrl = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
  const table = fromJson(RouteConfigurationSchema, {
    name: 'shop', virtualHosts: [{ name: 'shop', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'shop' } }] }],
  });
  // Field 1 of 127 bytes that do not follow.
  table.virtualHosts[0].typedPerFilterConfig = {
    two: create(AnySchema, { typeUrl, value: Uint8Array.of(10, 127) }), other: create(AnySchema, {}),
    1: create(AnySchema, { typeUrl, value: Uint8Array.of(10) }),
  };
  expect(decodeMessage(table).problems).toEqual([
    'virtual_hosts[0].typed_per_filter_config["other"]: an empty Any is not a type that is supported (docs/xds-subset.md)',
    'virtual_hosts[0].typed_per_filter_config["1"]: holds no envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit: premature EOF',
    'virtual_hosts[0].typed_per_filter_config["two"]: holds no envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit: premature EOF',
  ]);
});
