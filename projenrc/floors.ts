/**
 * The floors of ARCHITECTURE.md as lint rules: which folder may import what, and who may ask the process for the time. Each rule says why it
 * stands, because whoever meets it should learn the reason, not only the refusal. `test/repo/floors.test.ts` shows each of them to fire.
 */

/** A zone of `import/no-restricted-paths`: `target` must not import `from`, except what lies under `except` (relative to `from`). */
interface Zone {
  readonly target: string | string[];
  readonly from: string;
  readonly except?: string[];
  readonly message: string;
}

/** What a folder may import, as an allow list: everything else of this repository is out of its reach. */
function only(target: string, allowed: string[], message: string): Zone {
  return { target: `./${target}`, from: '.', except: ['./node_modules', target, ...allowed].map((path) => (path.startsWith('.') ? path : `./${path}`)), message };
}

/** Folders of the proxy that run for each request. */
const HOT_PATH = ['listener', 'transport', 'http1', 'router', 'tcp', 'cluster', 'route', 'filter', 'timer', 'observe']
  .map((folder) => `./runtime/proxy/${folder}`);

const ZONES: readonly Zone[] = [
  only('src/contract', [], 'The contract is the lowest floor: the SDK, the control plane and the proxy stand on it, so it imports zod and itself.'),
  only('src', [], 'The SDK never imports the planes, the command line or the test harness: it is compiled by jsii and must not need what it configures.'),
  {
    target: './src/check',
    from: './src',
    except: ['./check', './contract'],
    message: 'A check is a function of the graph: it sees the graph and the contract, never a construct.',
  },
  only('runtime/clock', [], 'The clock is the lowest floor of the runtime.'),
  only('runtime/xds', [], 'xDS is the contract between the planes, so it knows neither of them.'),
  only('runtime/control-plane', ['runtime/xds', 'runtime/clock', 'src/contract', 'runtime/proxy/http2/hpack', 'runtime/proxy/http2/protocol.ts'],
    'The control plane stands on the two contracts and the clock. It never reaches into the SDK or the proxy; HTTP/2\'s numbers and the codec of its headers are one for both.'),
  {
    target: './runtime/control-plane/model',
    from: '.',
    except: ['./runtime/control-plane/model'],
    message: 'The model is plain frozen types and imports nothing: sources translate into it, xDS is translated out of it.',
  },
  only('runtime/proxy', ['runtime/xds', 'runtime/clock', 'src/contract/node.ts', 'src/contract/ports.ts'],
    'The proxy knows xDS and the clock, and of the north contract only its own bootstrap: any xDS server can configure it.'),
  {
    target: './runtime/proxy/error.ts',
    from: './runtime/proxy',
    message: 'The table of errors is the lowest floor of the proxy: everything reports by it.',
  },
  {
    target: './runtime/proxy/observe',
    from: './runtime/proxy',
    except: ['./observe', './error.ts', './cluster/types.ts', './cluster/stats.ts', './route/types.ts', './filter/types.ts', './config/types.ts'],
    message: 'Observation is told what happened; it sees types, never the parts that it observes.',
  },
  ...['listener', 'router', 'transport'].map((upper) => ({
    target: ['cluster', 'route', 'filter'].map((folder) => `./runtime/proxy/${folder}`),
    from: `./runtime/proxy/${upper}`,
    message: 'Clusters, routes and filters are decisions without sockets; the data path calls them, not they the data path.',
  })),
  {
    target: HOT_PATH,
    from: './runtime/proxy/config',
    except: ['./types.ts'],
    message: 'Configuration is compiled ahead. The hot path sees its frozen types, never the code that reads or checks it.',
  },
  {
    target: HOT_PATH,
    from: './runtime/proxy/ads',
    message: 'ADS publishes frozen snapshots upward; it never reaches into a request, nor a request into it.',
  },
  only('runtime/local', ['runtime', 'src/contract'], 'The local mesh runs the planes over manifests; it needs neither the program that made them nor the command line.'),
  only('testing', ['runtime', 'src'], 'The test harness is the planes on another network and clock; it needs no command.'),
  only('cli', ['runtime', 'src'], 'A command is thin: the parts that it calls live in the runtime and in the SDK.'),
  only('examples', ['src'], 'An example is a user of the published package: it sees the SDK and other examples, nothing of the inside.'),
];

/** A pattern of `no-restricted-imports` that refuses every package but the named ones; relative paths are the zones' business. */
function packages(allowed: string[], message: string) {
  const names = allowed.map((name) => (name === 'node:' ? 'node:' : `${name}(/|$)`));
  return ['error', { patterns: [{ regex: `^(?!${['\\.{1,2}(/|$)', ...names].join('|')})`, message }] }];
}

const PROTOBUF = { regex: '^@bufbuild/protobuf', message: 'One codec module: protobuf messages are made, read and walked through runtime/xds.' };
const KUBERNETES = { regex: '^(@kubernetes/client-node|kubernetes-client)', message: 'Only control-plane/source/kubernetes uses the Kubernetes client: what it is for, clusters, users and credentials, is read there; the API is spoken in control-plane/kubernetes.' };
const SDK = { regex: '^(meshwright|cdk8s.*|constructs|projen)(/|$)', message: 'The planes read manifests. They never need the SDK, nor the libraries that it is made of.' };

const PACKAGES: Array<{ files: string[]; rule: unknown }> = [
  { files: ['src/**'], rule: packages(['constructs', 'cdk8s', 'cdk8s-plus-27', 'node:'], 'The SDK ships to five languages by jsii: constructs, cdk8s, cdk8s-plus-27, and the contract beside it.') },
  { files: ['src/contract/**'], rule: packages(['zod'], 'The contract imports zod only.') },
  { files: ['src/check/**'], rule: packages(['re2js'], 'A check is a pure function: it needs re2js, to judge an expression by the proxy\'s dialect, and nothing else.') },
  { files: ['runtime/**', 'cli/**', 'testing/**'], rule: ['error', { patterns: [PROTOBUF, KUBERNETES, SDK] }] },
  { files: ['cli/**', 'testing/**'], rule: ['error', { patterns: [PROTOBUF, KUBERNETES] }] },
  { files: ['runtime/xds/**'], rule: ['error', { patterns: [KUBERNETES, SDK] }] },
  { files: ['runtime/control-plane/source/kubernetes/**'], rule: ['error', { patterns: [PROTOBUF, SDK] }] },
  { files: ['runtime/control-plane/model/**'], rule: packages([], 'The model is plain frozen types and imports nothing.') },
];

const CLOCK = 'Time and chance are passed in (runtime/clock), so that every timing policy is tested on virtual time. Only the clock itself and a main.ts ask the process.';
const TIME: readonly string[] = [
  'CallExpression[callee.name=/^(setTimeout|setInterval)$/]',
  'CallExpression[callee.object.name="Date"][callee.property.name="now"]',
  'CallExpression[callee.object.name="performance"][callee.property.name="now"]',
  'CallExpression[callee.object.name="process"][callee.property.name="hrtime"]',
  'MemberExpression[object.name="Math"][property.name="random"]',
  'NewExpression[callee.name="Date"][arguments.length=0]',
];

/** Rules for every file. */
export const rules: Record<string, any> = {
  'import/no-restricted-paths': ['error', { zones: ZONES }],
  // From far to near, so that the first lines of a file show which floors it stands on.
  'import/order': ['warn', { groups: ['builtin', 'external', 'internal', 'parent', 'sibling', 'index'], alphabetize: { order: 'asc', caseInsensitive: true } }],
  'max-lines': ['warn', { max: 400 }],
  // Objects break where their meaning does: several short members may share a line.
  '@stylistic/object-property-newline': 'off',
};

/** Rules for some folders; of two that name the same rule the later holds. */
export const overrides: Array<{ files: string[]; rules: Record<string, any> }> = [
  ...PACKAGES.map(({ files, rule }) => ({ files, rules: { 'no-restricted-imports': rule } })),
  {
    files: ['runtime/**'],
    rules: { 'no-restricted-syntax': ['error', ...TIME.map((selector) => ({ selector, message: CLOCK }))] },
  },
  {
    files: ['runtime/clock/**', 'runtime/**/main.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
];
