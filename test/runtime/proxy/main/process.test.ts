import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { listenerJson, tableJson } from '../config/resources';
import { ADMIN, fetchFrom, type LogLine } from './support';

const project = join(__dirname, '../../../..');

interface Ran {
  readonly child: ChildProcess;
  readonly lines: LogLine[];
  readonly stdout: () => string;
  readonly logged: (message: string) => Promise<LogLine>;
  readonly exit: Promise<number | null>;
}

describe('the process', () => {
  let folder: string;
  let program: string;
  const children: ChildProcess[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'process-'));
    program = join(folder, 'proxy.js');
    execFileSync(join(project, 'node_modules/.bin/esbuild'), [
      'runtime/proxy/main.ts', '--bundle', '--platform=node', '--format=cjs', `--outfile=${program}`, '--log-level=warning',
    ], { cwd: project });
  });

  afterAll(() => {
    children.filter((child) => child.exitCode === null && child.signalCode === null).forEach((child) => child.kill('SIGKILL'));
    rmSync(folder, { recursive: true });
  });

  function run(...args: string[]): Ran {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const lines: LogLine[] = [];
    const waiting: { message: string; found: (line: LogLine) => void }[] = [];
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
    createInterface({ input: child.stderr }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine;
      lines.push(line);
      waiting.filter(({ message }) => message === line.message).forEach(({ found }) => found(line));
    });
    return {
      child, lines, stdout: () => stdout,
      logged: async (message) => lines.find((line) => line.message === message) ?? new Promise((found) => waiting.push({ message, found })),
      exit: new Promise((resolve) => child.on('close', resolve)),
    };
  }

  function bootstrap(name: string, more: object = {}): string {
    const file = join(folder, name);
    const routes = { route_config: { ...tableJson('', 'none'), validate_clusters: false } };
    writeFileSync(file, JSON.stringify({ admin: ADMIN, static_resources: { listeners: [listenerJson('http', 0, { cluster: 'none' }, { ...routes, ...more })] } }));
    return file;
  }

  test('what keeps the start small comes before everything that it loads', () => {
    const imports = readFileSync(join(project, 'runtime/proxy/main.ts'), 'utf8').split('\n').filter((line) => line.startsWith('import '));
    expect(imports[0]).toBe("import './start-small';");
  });

  test('--mode validate', async () => {
    const file = bootstrap('good.json');
    const good = run('-c', file, '--mode', 'validate', '--config-yaml', 'node: {id: n}');
    expect(await good.exit).toBe(0);
    expect(good.stdout()).toBe(`configuration '${file}' OK\n`);
    const bad = run('-c', bootstrap('bad.json', { codec_type: 'HTTP3' }), '--mode', 'validate');
    expect(await bad.exit).toBe(1);
    expect(bad.lines).toMatchObject([{
      level: 'critical', message: 'cannot start',
      fields: { source: join(folder, 'bad.json'), problems: [expect.stringContaining('typed_config.codec_type: "HTTP3" is not supported')] },
    }]);
  });

  test('an address that is taken ends it', async () => {
    const first = run('-c', bootstrap('first.json'), '--drain-time-s', '0');
    const { fields } = await first.logged('started');
    const { listeners: [{ port }] } = fields as { listeners: { port: number }[] };
    const file = bootstrap('taken.json');
    const document = JSON.parse(readFileSync(file, 'utf8')) as { static_resources: { listeners: { address: { socket_address: { port_value: number } } }[] } };
    document.static_resources.listeners[0].address.socket_address.port_value = port;
    writeFileSync(file, JSON.stringify(document));
    const second = run('-c', file);
    expect(await second.exit).toBe(1);
    expect(second.lines).toMatchObject([{ level: 'critical', message: 'cannot start', fields: { source: file, problems: [expect.stringContaining('EADDRINUSE')] } }]);
    first.child.kill('SIGTERM');
    expect(await first.exit).toBe(0);
  });

  test('a command line that is wrong, and --help', async () => {
    const wrong = run('--concurrency', 'x');
    expect(await wrong.exit).toBe(1);
    expect(wrong.lines).toMatchObject([{ fields: { problems: ['--config-path or --config-yaml is required', '--concurrency: x must be a number of threads from 1 to 64'] } }]);
    const help = run('--help');
    expect(await help.exit).toBe(0);
    expect(help.stdout()).toMatch(/^usage: /);
  });

  test('serves, reopens its logs on SIGUSR1, and ends on SIGTERM', async () => {
    const ran = run('-c', bootstrap('serve.json'), '--drain-time-s', '0');
    const { fields } = await ran.logged('started');
    const { admin, listeners } = fields as { admin: number; listeners: { port: number }[] };
    expect((await fetchFrom(listeners[0].port, '/')).status).toBe(503);
    ran.child.kill('SIGUSR1');
    expect((await fetchFrom(admin, '/ready')).body).toBe('LIVE\n');
    ran.child.kill('SIGTERM');
    expect(await ran.exit).toBe(0);
    expect(ran.lines.map(({ message }) => message)).toEqual(['started', 'draining']);
  });

  test('/quitquitquit ends it', async () => {
    const ran = run('-c', bootstrap('quit.json'), '--drain-time-s', '0');
    const { admin } = (await ran.logged('started')).fields as { admin: number };
    expect((await fetchFrom(admin, '/quitquitquit', { method: 'POST' })).body).toBe('OK\n');
    expect(await ran.exit).toBe(0);
  });

  test('whoever asks twice does not wait', async () => {
    const ran = run('-c', bootstrap('twice.json'), '--drain-time-s', '600');
    await ran.logged('started');
    ran.child.kill('SIGINT');
    await ran.logged('draining');
    ran.child.kill('SIGINT');
    expect(await ran.exit).toBe(1);
  });
});
