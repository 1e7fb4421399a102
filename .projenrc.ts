import { cdk8s, javascript, TextFile } from 'projen';
import * as floors from './projenrc/floors';

const project = new cdk8s.ConstructLibraryCdk8s({
  name: 'meshwright',
  description: 'A service mesh whose whole configuration is a typed program: cdk8s constructs, checked as one graph, run by a TypeScript proxy and control plane.',
  author: 'The meshwright authors',
  authorAddress: 'maintainers@meshwright.dev',
  authorOrganization: true,
  repositoryUrl: 'https://github.com/meshwright/meshwright.git',
  license: 'Apache-2.0',
  copyrightOwner: 'The meshwright authors',
  stability: 'experimental',
  keywords: ['cdk8s', 'service-mesh', 'kubernetes', 'envoy', 'gateway-api', 'mesh'],
  defaultReleaseBranch: 'main',

  cdk8sVersion: '2.68.12',
  constructsVersion: '10.3.0',
  jsiiVersion: '~6.0.0',
  typescriptVersion: '~6.0.0',
  minNodeVersion: '20.16.0',
  projenrcTs: true,
  packageManager: javascript.NodePackageManager.NPM,
  github: false,
  depsUpgrade: false,
  release: false,

  peerDeps: ['cdk8s-plus-27@^2.9.5'],
  // Bundled, because jsii cannot depend on a library that is not jsii's.
  // zod: the schemas of the contract. re2js: RE2 in plain JavaScript, so that synth judges an expression by the proxy's dialect.
  bundledDeps: ['zod@~4.6.0', 're2js@^2.10.0'],
  devDeps: [
    'cdk8s-plus-27@2.9.5',
    // The planes. Everything here is bundled into one file an image by esbuild.
    'esbuild@~0.28.0',
    '@bufbuild/buf@^1.75.0',
    '@bufbuild/protobuf@~2.13.0',
    '@bufbuild/protoc-gen-es@~2.13.0',
    '@grpc/grpc-js@~1.14.0',
    '@grpc/grpc-js-xds@~1.14.1',
    'chokidar@^4.0.3',
    '@kubernetes/client-node@^1.4.0',
    '@peculiar/x509@^2.0.0',
    // What @peculiar/x509 stands on, by its own words: it is imported before it.
    'reflect-metadata@^0.2.2',
    'jose@^6.2.0',
    'koffi@^3.3.0',
    'tar-stream@^3.2.0',
    'xxhash-wasm@^1.1.0',
    'yaml@^2.9.0',
    // Tests.
    '@bufbuild/cel@^0.6.1',
    '@types/tar-stream@^3',
    '@types/ws@^8',
    'ajv@^8.17.0',
    'ajv-formats@^3.0.1',
    'fast-check@^4.10.0',
    // A certified OpenID provider, whose tokens and keys the proxy has to take as they are; the one of the field that runs in Node.
    'oidc-provider@^9.13.3',
    'ws@^8.23.0',
    '@types/node@^22',
  ],

  jest: true,
  jestOptions: {
    jestVersion: '^30',
    coverageText: false,
    updateSnapshot: javascript.UpdateSnapshot.NEVER,
    jestConfig: {
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '/test/e2e/'],
      collectCoverage: false,
      clearMocks: true,
      maxWorkers: 2,
      // Only a hang may run into it: machines that build are slow and busy.
      testTimeout: 60_000,
    },
  },
  eslintOptions: {
    dirs: ['src', 'runtime', 'cli', 'testing', 'examples', 'bench', 'scripts', 'images'],
    devdirs: ['test'],
    fileExtensions: ['.ts'],
    ignorePatterns: ['*.js', '*.d.ts', 'node_modules/', '*.generated.ts', 'coverage', 'runtime/xds/gen/', 'lib/', 'dist/', '!.projenrc.ts'],
  },
  docgen: true,

  gitignore: ['/lib/', '/dist/', '*.tgz', '.meshwright/', '/build/', '/.cache/', '.DS_Store'],

  publishToPypi: { distName: 'meshwright', module: 'meshwright' },
  publishToMaven: {
    javaPackage: 'dev.meshwright', mavenGroupId: 'dev.meshwright', mavenArtifactId: 'meshwright',
  },
  publishToGo: { moduleName: 'github.com/meshwright/meshwright-go' },
});

// What ships is lib/, crds/, .jsii, README and LICENSE; test/repo/pack.test.ts holds the list.
project.npmignore?.exclude(
  '/runtime/', '/testing/', '/cli/', '/bench/', '/examples/', '/docs/', '/test/', '/images/', '/.ci/', '/scripts/', '/build/', '/.cache/', '/.meshwright/',
  '/API.md', '/ARCHITECTURE.md', '/CONTRIBUTING.md', '/SECURITY.md', '/.nvmrc', '/rosetta/', '*.log', '*.tsbuildinfo',
);

// npm 11 misses platform packages of the newer resolver when it installs from the lock file.
project.package.addPackageResolutions('unrs-resolver@1.12.2');
// jsii never removes what it once wrote.
project.preCompileTask.exec('rm -rf lib .jsii');
// `projen build` packages for every language on a developer's machine; packaging is a task of its own here.
project.packageTask.reset();

// One configuration for everything that jsii does not compile: tests, planes, command line, examples, benchmarks.
new javascript.TypescriptConfig(project, {
  fileName: 'tsconfig.dev.json',
  compilerOptions: {
    rootDir: '.',
    target: 'ES2023',
    lib: ['es2023'],
    module: 'commonjs',
    moduleResolution: javascript.TypeScriptModuleResolution.BUNDLER,
    esModuleInterop: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    strict: true,
    noEmit: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    noImplicitReturns: true,
    noFallthroughCasesInSwitch: true,
    isolatedModules: true,
    forceConsistentCasingInFileNames: true,
    types: ['node', 'jest'],
    // Examples and tests name the package as its users do.
    paths: { 'meshwright': ['./src/index.ts'], 'meshwright/contract': ['./src/contract/index.ts'], 'meshwright/testing': ['./testing/index.ts'] },
  } as javascript.TypeScriptCompilerOptions,
  include: ['src', 'test', 'runtime', 'cli', 'testing', 'examples', 'bench', 'scripts', 'images', 'projenrc'].map((dir) => `${dir}/**/*.ts`).concat('.projenrc.ts'),
  exclude: ['node_modules', 'lib', 'dist'],
});
const eslintrc = project.tryFindObjectFile('.eslintrc.json');
// One program for all files: the project service would look for a tsconfig.json beside each of them.
eslintrc?.addOverride('parserOptions', { ecmaVersion: 2023, sourceType: 'module', projectService: false, project: './tsconfig.dev.json' });
eslintrc?.addOverride('settings.import/resolver.typescript.project', './tsconfig.dev.json');
// Protocol code is bits and bytes; the planes' libraries are bundled, hence development dependencies.
project.eslint?.addRules({ 'no-bitwise': 'off', '@typescript-eslint/member-ordering': 'off' });
project.eslint?.addOverride({
  files: ['runtime/**', 'cli/**', 'testing/**', 'bench/**', 'examples/**', 'scripts/**', 'images/**', 'test/**'],
  rules: { 'import/no-extraneous-dependencies': ['error', { devDependencies: true, peerDependencies: true }] },
});
project.eslint?.addRules(floors.rules);
for (const override of floors.overrides) project.eslint?.addOverride(override);
if (project.jest) {
  project.jest.config.testMatch = ['<rootDir>/test/**/*.test.ts'];
  project.jest.config.transform = { '^.+\\.ts$': ['ts-jest', { tsconfig: 'tsconfig.dev.json', transpilation: true }] };
  project.jest.config.reporters = ['default'];
  project.jest.config.globalSetup = '<rootDir>/test/setup/scratch.ts';
  project.jest.config.globalTeardown = '<rootDir>/test/setup/clean.ts';
  project.jest.config.moduleNameMapper = {
    '^meshwright$': '<rootDir>/src/index.ts',
    '^meshwright/contract$': '<rootDir>/src/contract/index.ts',
    '^meshwright/testing$': '<rootDir>/testing/index.ts',
  };
}

// ------------------------------------------------------------------------------------------ the runtime planes

const bundle = project.addTask('bundle', {
  description: 'Bundles the planes, the command line and the test harness into lib/, one file each',
  exec: 'node scripts/bundle.mjs',
});
project.addTask('xds:generate', {
  description: 'Generates the xDS types from Envoy\'s protos into runtime/xds/gen',
  exec: 'node scripts/generate-xds.mjs',
});
project.addTask('xds:table', {
  description: 'Generates docs/xds-subset.md from the table of xDS that the proxy accepts',
  exec: 'ts-node --transpile-only --project tsconfig.dev.json scripts/generate-xds-table.ts',
});
const typecheck = project.addTask('typecheck', {
  description: 'Type-checks everything that jsii does not compile',
  exec: 'tsc --noEmit -p tsconfig.dev.json',
});
const crds = project.addTask('crds', {
  description: 'Generates crds/*.yaml from src/contract',
  exec: 'ts-node --transpile-only --project tsconfig.dev.json scripts/generate-crds.ts',
});
project.postCompileTask.prependSpawn(project.addTask('testing:types', {
  description: 'Declarations of meshwright/testing, whose code is one bundled file, into lib/testing',
  exec: 'node scripts/testing-types.mjs',
}));
project.postCompileTask.prependSpawn(bundle);
project.postCompileTask.prependSpawn(crds);
project.testTask.prependSpawn(typecheck);
// `npm test` is everything that a change must pass: projen's build compiles, bundles, generates, and then tests. `npx projen test` leaves out the build.
project.setScript('test', 'projen build');

const start = project.addTask('start', {
  description: 'Runs the e-commerce example on this machine; Ctrl-C ends it',
  env: { CDK8S_OUTDIR: '.meshwright/ecommerce' },
});
start.spawn(bundle);
start.exec('node build/examples/ecommerce/main.js');
start.exec('node lib/cli/meshwright.js up .meshwright/ecommerce --settings examples/ecommerce/meshwright.local.yaml --stop-with-parent', { receiveArgs: true });

const bench = project.addTask('bench', {
  description: 'Benchmarks: npm run bench -- SUITE… | all [--json FILE]; the method is in bench/README.md',
});
// What is measured is what ships: compiled and bundled afresh, never a stale lib/.
bench.spawn(project.preCompileTask);
bench.spawn(project.compileTask);
bench.spawn(bundle);
bench.exec('node scripts/bundle-bench.mjs');
bench.exec('node build/bench/main.js', { receiveArgs: true });

project.addTask('images', {
  description: 'Images of the planes as OCI archives in dist/images, and their digests in lib/images.json',
  steps: [{ spawn: bundle.name }, { exec: 'ts-node --transpile-only --project tsconfig.dev.json images/main.ts', receiveArgs: true }],
});

const fuzz = project.addTask('fuzz', {
  description: 'Fuzzing guided by coverage of what reads bytes of others: npm run fuzz -- --seconds N [--seed N] [--target NAME]',
});
fuzz.exec('node scripts/bundle-fuzz.mjs');
fuzz.exec('node --enable-source-maps build/fuzz/main.js', { receiveArgs: true });
const integrity = project.addTask('integrity', {
  description: 'Random bodies, framings, cuts and aborts through the proxy, every digest compared: npm run integrity -- --requests N [--seed N]',
});
const soak = project.addTask('soak', { description: 'The same for a time, with the heap watched: npm run soak -- --minutes N [--seed N]' });
for (const [task, mode] of [[integrity, 'integrity'], [soak, 'soak']] as const) {
  task.exec('node scripts/bundle-integrity.mjs');
  // Clients and upstreams by a Node.js whose HTTP loses nothing when streams break off; the proxy by the one that is here.
  task.exec(`"$(node scripts/peer.mjs node 24)" --expose-gc --enable-source-maps build/integrity/main.js ${mode} --node "$(node -p process.execPath)"`, { receiveArgs: true });
}

// Slower, needs Debian packages and an Envoy: .ci/run prepares them.
project.addTask('e2e', {
  description: 'Tests with real peers: test/e2e, one process after the other',
  exec: 'jest --testPathIgnorePatterns /node_modules/ /test/e2e/cluster/ --testMatch "<rootDir>/test/e2e/**/*.test.ts" --ci --runInBand',
  receiveArgs: true,
});

// Builds a Kubernetes from Go modules, which takes a quarter of an hour the first time.
project.addTask('e2e:api-server', {
  description: 'Tests on the API server of a real Kubernetes, without a node: test/e2e/cluster/api-server',
  steps: [
    { exec: 'node scripts/bundle.mjs' },
    {
      exec: 'test/cluster/run --api npx jest --testPathIgnorePatterns /node_modules/ --testMatch "<rootDir>/test/e2e/cluster/api-server/**/*.test.ts" --ci --runInBand',
      receiveArgs: true,
    },
  ],
});
project.addTask('e2e:cluster', {
  description: 'Tests on a real Kubernetes, brought up by test/cluster/run: test/e2e/cluster',
  steps: [
    { exec: 'npm run --silent images -- --examples' },
    {
      exec: 'IMAGES=$(echo dist/images/*.tar) test/cluster/run npx jest --testPathIgnorePatterns /node_modules/ --testMatch "<rootDir>/test/e2e/cluster/**/*.test.ts" --ci --runInBand',
      receiveArgs: true,
    },
  ],
});

// Two minutes where its programs are built, which takes four more the first time; a test that fails waits for its time-outs.
project.addTask('conformance', {
  description: 'The conformance suite of Gateway API, mesh profiles, on a real Kubernetes: docs/conformance.md; npm run conformance -- [FLAG of the suite]',
  steps: [
    { exec: 'node scripts/bundle.mjs' },
    { exec: 'npm run --silent images' },
    {
      exec: 'IMAGES="dist/images/control-plane.tar dist/images/proxy.tar" test/cluster/run node test/cluster/conformance-mesh.mjs',
      receiveArgs: true,
    },
  ],
});

project.package.addField('exports', {
  '.': { types: './lib/index.d.ts', default: './lib/index.js' },
  './contract': { types: './lib/contract/index.d.ts', default: './lib/contract/index.js' },
  './testing': { types: './lib/testing/index.d.ts', default: './lib/testing/index.js' },
  './package.json': './package.json',
  './.jsii': './.jsii',
  './.warnings.jsii.js': './.warnings.jsii.js',
});
project.package.addBin({ meshwright: 'lib/cli/meshwright.js' });
project.package.addEngine('node', '>= 20.16.0');

// Inputs that once were found: every byte counts.
project.gitattributes.addAttributes('/test/testdata/fuzz/**', '-text');

new TextFile(project, '.nvmrc', { lines: ['22'] });

project.synth();
