import { spawn, type ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CLI, Manifests, pause } from './shop';

jest.setTimeout(120_000);

interface Started {
  readonly child: ChildProcess;
  readonly pids: number[];
  readonly lines: string[];
}

/** A task runner: it waits for a program and hears nothing meanwhile. */
const RUNNER = 'require("node:child_process").spawnSync(process.execPath, process.argv.slice(1), { stdio: "inherit" })';

/** `meshwright up`, until every pod is ready. */
async function started(manifests: Manifests, addresses: string, ...more: string[]): Promise<Started> {
  const runner = more.includes('--stop-with-parent') ? ['-e', RUNNER] : [];
  const args = [...runner, CLI, 'up', manifests.folder, '--settings', manifests.settings, '--addresses', addresses, '--state', join(manifests.root, 'state'), ...more];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  await new Promise<void>((ready, failed) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      lines.push(line);
      if (line.includes('every pod is ready')) ready();
    });
    child.once('exit', (code) => failed(new Error(`ended with ${code}:\n${lines.join('\n')}`)));
  });
  const { pods } = await status(addresses);
  const pids = pods.flatMap(({ processes }) => Object.values(processes).flatMap(({ pid }) => pid ?? []));
  expect(pids).toHaveLength(24);
  return { child, pids, lines };
}

async function status(addresses: string): Promise<{ pods: { processes: Record<string, { pid?: number }> }[] }> {
  return new Promise((done, failed) => {
    request({ host: addresses.replace('0.0/16', '0.1'), port: 15_900, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => { text += chunk.toString(); });
      response.on('end', () => done(JSON.parse(text) as never));
    }).on('error', failed).end();
  });
}

const exited = async (child: ChildProcess) => new Promise<number | string | null>((done) => child.once('exit', (code, signal) => done(signal ?? code)));

function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  });
}

/** Those that still live after the deadline. */
async function survivors(pids: readonly number[], deadline: number): Promise<number[]> {
  for (let waited = 0; waited < deadline && alive(pids).length > 0; waited += 100) await pause(100);
  return alive(pids);
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends every process, and the exit code is 0', async (signal) => {
  const manifests = new Manifests();
  const { child, pids, lines } = await started(manifests, '127.92.0.0/16');
  const exit = exited(child);
  child.kill(signal);
  expect(await exit).toBe(0);
  // All were waited for: none lives when the command has ended.
  expect(alive(pids)).toEqual([]);
  expect(lines.at(-1)).toBe('the mesh behaved');
  manifests.remove();
});

test('a command that is killed leaves no process behind', async () => {
  const manifests = new Manifests();
  const { child, pids } = await started(manifests, '127.93.0.0/16');
  const exit = exited(child);
  child.kill('SIGKILL');
  expect(await exit).toBe('SIGKILL');
  expect(await survivors(pids, 15_000)).toEqual([]);
  manifests.remove();
});

test('a command whose parent is killed ends in order where it was told to', async () => {
  const manifests = new Manifests();
  const { child, pids } = await started(manifests, '127.98.0.0/16', '--stop-with-parent');
  child.kill('SIGKILL');
  expect(await survivors(pids, 15_000)).toEqual([]);
  manifests.remove();
});

test('after its duration it ends by itself, with a summary; faults can be typed meanwhile', async () => {
  const manifests = new Manifests();
  const { child, pids, lines } = await started(manifests, '127.94.0.0/16', '--duration', '5s');
  const exit = exited(child);
  child.stdin!.write('payment: fail\n');
  expect(await exit).toBe(0);
  expect(alive(pids)).toEqual([]);
  const said = lines.join('\n');
  expect(said).toMatch(/done to 6 pods[^]*order → payment: the circuit breaker opened/);
  expect(said).toMatch(/storefront +→ order +[\d.]+ +100%[^]*of \d+ succeeded[^]*the mesh behaved, with the faults that were put into it$/);
  manifests.remove();
});

test.each([
  // With a token of an issuer that the runner plays, and a process in the place of what is outside.
  ['banking', /transaction +→ screening +[\d.]+ +\d+%/],
  ['iot', / → /],
])('the example %s behaves', async (name, edge) => {
  const manifests = new Manifests(name);
  const args = [CLI, 'up', manifests.folder, '--settings', manifests.settings, '--addresses', '127.97.0.0/16', '--duration', '3s'];
  const child = spawn(process.execPath, [...args, '--state', join(manifests.root, 'state')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  const code = await exited(child);
  expect(`${code} ${said.trimEnd().split('\n').at(-1)}`).toBe('0 the mesh behaved');
  expect(said).toMatch(edge);
  manifests.remove();
});

test('a second mesh at the same addresses is refused, and does not disturb the first', async () => {
  const manifests = new Manifests();
  const { child } = await started(manifests, '127.95.0.0/16');
  const second = spawn(process.execPath, [CLI, 'up', manifests.folder, '--settings', manifests.settings, '--addresses', '127.95.0.0/16'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  second.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  expect(await exited(second)).toBe(1);
  expect(said).toBe('meshwright: another mesh runs at 127.95.0.0/16: end it, or choose other addresses with --addresses 127.78.0.0/16\n');
  expect((await status('127.95.0.0/16')).pods).toHaveLength(13);
  const exit = exited(child);
  child.kill('SIGINT');
  expect(await exit).toBe(0);
  manifests.remove();
});

test('a workload that cannot run here stops the start, with what to write', async () => {
  const manifests = new Manifests();
  manifests.change((object) => {
    if (object.kind === 'Deployment' && object.metadata.name === 'payment') object.spec.template.spec.containers[0].image = 'shop/unknown:1';
  });
  const child = spawn(process.execPath, [CLI, 'up', manifests.folder, '--settings', manifests.settings, '--addresses', '127.96.0.0/16'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  expect(await exited(child)).toBe(1);
  expect(said).toContain('Deployment/shop/payment: container payment: no command for image "shop/unknown:1"; say in meshwright.local.yaml');
  manifests.remove();
});
