import { join, resolve } from 'node:path';
// The configuration is of the older format, which projen writes; its class lives behind this door since ESLint 9.
import { LegacyESLint } from 'eslint/use-at-your-own-risk';

const root = resolve(__dirname, '../..');

/** The repository's own configuration, without the rules that need a program: the planted files are not part of one. */
const eslint = new LegacyESLint({
  cwd: root,
  overrideConfig: {
    parserOptions: { project: null },
    rules: { '@typescript-eslint/no-floating-promises': 'off', '@typescript-eslint/return-await': 'off' },
  },
});

/** What the floors say of `code` at `path`: rule and message of each finding. */
async function lint(path: string, code: string): Promise<Array<{ rule: string | null; message: string }>> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: join(root, path) });
  return result.messages.filter((message) => message.severity === 2).map(({ ruleId, message }) => ({ rule: ruleId, message }));
}

interface Floor {
  /** The rule, as ARCHITECTURE.md says it. */
  readonly floor: string;
  /** File that is planted, and what it says. */
  readonly violation: [path: string, code: string];
  /** The same intent at a place, or in a way, that the floor allows. */
  readonly clean: [path: string, code: string];
  readonly rule: string;
  /** Part of the reason that the finding gives. */
  readonly reason: string;
}

const PATHS = 'import/no-restricted-paths';
const IMPORTS = 'no-restricted-imports';
const SYNTAX = 'no-restricted-syntax';

const floors: Floor[] = [
  {
    floor: 'the contract imports no package but zod',
    violation: ['src/contract/planted.ts', "import { Chart } from 'cdk8s';"],
    clean: ['src/contract/planted.ts', "import * as z from 'zod';"],
    rule: IMPORTS,
    reason: 'zod only',
  },
  {
    floor: 'the contract imports no file outside of itself',
    violation: ['src/contract/planted.ts', "import { Finding } from '../check/finding';"],
    clean: ['src/contract/planted.ts', "import { GROUP } from './names';"],
    rule: PATHS,
    reason: 'lowest floor',
  },
  {
    floor: 'the SDK imports no package but constructs, cdk8s and cdk8s-plus-27',
    violation: ['src/planted.ts', "import { parse } from 'yaml';"],
    clean: ['src/planted.ts', "import { Chart } from 'cdk8s';\nimport { Construct } from 'constructs';"],
    rule: IMPORTS,
    reason: 'five languages',
  },
  {
    floor: 'the SDK never imports the planes',
    violation: ['src/planted.ts', "import { systemClock } from '../runtime/clock';"],
    clean: ['src/planted.ts', "import { GROUP } from './contract';"],
    rule: PATHS,
    reason: 'The SDK never imports the planes',
  },
  {
    floor: 'a check sees the graph and the contract, never a construct',
    violation: ['src/check/planted.ts', "import * as sdk from '../index';"],
    clean: ['src/check/planted.ts', "import type { MeshSpec } from '../contract/mesh';\nimport type { MeshGraph } from './graph';"],
    rule: PATHS,
    reason: 'never a construct',
  },
  {
    floor: 'a check imports no package but re2js',
    violation: ['src/check/planted.ts', "import { Construct } from 'constructs';"],
    clean: ['src/check/planted.ts', "import { RE2JS } from 're2js';"],
    rule: IMPORTS,
    reason: 'pure function',
  },
  {
    floor: 'the clock imports nothing of the runtime',
    violation: ['runtime/clock/planted.ts', "import { encode } from '../xds';"],
    clean: ['runtime/clock/planted.ts', "import type { Clock } from './index';"],
    rule: PATHS,
    reason: 'lowest floor of the runtime',
  },
  {
    floor: 'xDS knows neither plane',
    violation: ['runtime/xds/planted.ts', "import type { Host } from '../proxy/cluster/types';"],
    clean: ['runtime/xds/planted.ts', "import { encode } from './codec';"],
    rule: PATHS,
    reason: 'neither of them',
  },
  {
    floor: 'the control plane never reaches into the proxy',
    violation: ['runtime/control-plane/xds/planted.ts', "import type { ClusterConfig } from '../../proxy/config/types';"],
    clean: ['runtime/control-plane/xds/planted.ts', "import { INBOUND_PORT } from '../../../src/contract';\nimport { encode } from '../../xds';"],
    rule: PATHS,
    reason: 'two contracts and the clock',
  },
  {
    floor: 'the control plane never reaches into the SDK',
    violation: ['runtime/control-plane/source/planted.ts', "import * as sdk from '../../../src';"],
    clean: ['runtime/control-plane/source/planted.ts', "import { meshService } from '../../../src/contract';"],
    rule: PATHS,
    reason: 'never reaches into the SDK',
  },
  {
    floor: 'the model imports no other folder, not even the contract',
    violation: ['runtime/control-plane/model/planted.ts', "import { GROUP } from '../../../src/contract';"],
    clean: ['runtime/control-plane/model/planted.ts', 'export interface Service { readonly name: string }'],
    rule: PATHS,
    reason: 'imports nothing',
  },
  {
    floor: 'the model imports no package',
    violation: ['runtime/control-plane/model/planted.ts', "import { parse } from 'yaml';"],
    clean: ['runtime/control-plane/source/planted.ts', "import { parse } from 'yaml';"],
    rule: IMPORTS,
    reason: 'imports nothing',
  },
  {
    floor: 'only control-plane/source/kubernetes uses the Kubernetes client',
    violation: ['runtime/control-plane/ads/planted.ts', "import { KubeConfig } from '@kubernetes/client-node';"],
    clean: ['runtime/control-plane/source/kubernetes/planted.ts', "import { KubeConfig } from '@kubernetes/client-node';"],
    rule: IMPORTS,
    reason: 'source/kubernetes',
  },
  {
    floor: 'of the contract the proxy sees only its bootstrap',
    violation: ['runtime/proxy/config/planted.ts', "import { meshService } from '../../../src/contract';"],
    clean: ['runtime/proxy/config/planted.ts', "import { nodeMetadata } from '../../../src/contract/node';\nimport { OUTBOUND_PORT } from '../../../src/contract/ports';"],
    rule: PATHS,
    reason: 'only its own bootstrap',
  },
  {
    floor: 'the proxy\'s table of errors imports nothing of the proxy',
    violation: ['runtime/proxy/error.ts', "import type { Host } from './cluster/types';"],
    clean: ['runtime/proxy/error.ts', 'export const codes = [502, 503, 504];'],
    rule: PATHS,
    reason: 'table of errors',
  },
  {
    floor: 'observation sees types, never what it observes',
    violation: ['runtime/proxy/observe/planted.ts', "import { CircuitBreaker } from '../cluster/circuit-breaker';"],
    clean: ['runtime/proxy/observe/planted.ts', "import type { Cluster } from '../cluster/types';\nimport type { ResponseFlag } from '../error';"],
    rule: PATHS,
    reason: 'told what happened',
  },
  ...['cluster', 'route', 'filter'].map((folder): Floor => ({
    floor: `${folder} never calls the data path`,
    violation: [`runtime/proxy/${folder}/planted.ts`, "import type { Connection } from '../transport/types';"],
    clean: [`runtime/proxy/${folder}/planted.ts`, "import type { Host } from '../cluster/types';"],
    rule: PATHS,
    reason: 'decisions without sockets',
  })),
  {
    floor: 'the hot path sees the types of the configuration, never the code that reads it',
    violation: ['runtime/proxy/router/planted.ts', "import { Problems } from '../config/problems';"],
    clean: ['runtime/proxy/router/planted.ts', "import type { RouteConfig } from '../config/types';"],
    rule: PATHS,
    reason: 'compiled ahead',
  },
  {
    floor: 'the hot path never reaches into ADS',
    violation: ['runtime/proxy/router/planted.ts', "import { AdsClient } from '../ads/client';"],
    clean: ['runtime/proxy/planted.ts', "import { AdsClient } from './ads/client';"],
    rule: PATHS,
    reason: 'frozen snapshots',
  },
  {
    floor: 'the local mesh needs neither the program nor the command line',
    violation: ['runtime/local/planted.ts', "import * as sdk from '../../src';"],
    clean: ['runtime/local/planted.ts', "import { OUTBOUND_PORT } from '../../src/contract';\nimport { systemClock } from '../clock';"],
    rule: PATHS,
    reason: 'neither the program',
  },
  {
    floor: 'the local mesh is started by a command, and never starts one',
    violation: ['runtime/local/planted.ts', "import { up } from '../../cli/up';"],
    clean: ['cli/planted.ts', "import { systemClock } from '../runtime/clock';"],
    rule: PATHS,
    reason: 'nor the command line',
  },
  {
    floor: 'a command never needs the test harness',
    violation: ['cli/planted.ts', "import { TestMesh } from '../testing';"],
    clean: ['cli/planted.ts', "import { up } from './up';"],
    rule: PATHS,
    reason: 'A command is thin',
  },
  {
    floor: 'the test harness needs no command',
    violation: ['testing/planted.ts', "import { up } from '../cli/up';"],
    clean: ['testing/planted.ts', "import { translate } from '../runtime/control-plane';"],
    rule: PATHS,
    reason: 'needs no command',
  },
  {
    floor: 'only runtime/xds imports protobuf',
    violation: ['runtime/proxy/config/planted.ts', "import { create } from '@bufbuild/protobuf';"],
    clean: ['runtime/xds/planted.ts', "import { create } from '@bufbuild/protobuf';"],
    rule: IMPORTS,
    reason: 'One codec module',
  },
  {
    floor: 'the planes never need the SDK',
    violation: ['runtime/proxy/planted.ts', "import { Duration } from 'cdk8s';"],
    clean: ['src/planted.ts', "import { Duration } from 'cdk8s';"],
    rule: IMPORTS,
    reason: 'The planes read manifests',
  },
  {
    floor: 'an example is a user of the package',
    violation: ['examples/planted/main.ts', "import { systemClock } from '../../runtime/clock';"],
    clean: ['examples/planted/main.ts', "import * as meshwright from '../../src';"],
    rule: PATHS,
    reason: 'a user of the published package',
  },
  ...['setTimeout(f, 1);', 'setInterval(f, 1);', 'Date.now();', 'new Date();', 'performance.now();', 'Math.random();', 'process.hrtime();'].map((call): Floor => ({
    floor: `${call.slice(0, -1)} stands in the clock and in a main.ts only`,
    violation: ['runtime/proxy/cluster/planted.ts', call],
    clean: ['runtime/proxy/main.ts', call],
    rule: SYNTAX,
    reason: 'passed in',
  })),
];

describe('floors', () => {
  test.each(floors)('$floor', async ({ violation, clean, rule, reason }) => {
    expect(await lint(...violation)).toContainEqual({ rule, message: expect.stringContaining(reason) });
    expect((await lint(...clean)).filter((finding) => [PATHS, IMPORTS, SYNTAX].includes(finding.rule ?? ''))).toEqual([]);
  });

  test('the clock may ask the process for the time', async () => {
    expect(await lint('runtime/clock/planted.ts', 'export const now = () => Date.now();')).toEqual([]);
  });

  test('a floor names what is planted, not only that something is wrong', async () => {
    const [finding] = await lint('src/planted.ts', "import { systemClock } from '../runtime/clock';");
    expect(finding.message).toContain('../runtime/clock');
  });
});
