import type { ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { arch, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Pod } from './namespace';

const ROOT = resolve(__dirname, '../../..');

/** A folder with the bundles and the add-on of the proxy's image, which the proxy's user can read. */
export function imageFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-interception-'));
  for (const path of [folder, tmpdir()]) chmodSync(path, 0o755);
  for (const file of readdirSync(join(ROOT, 'lib/runtime')).filter((name) => name.endsWith('.js'))) {
    copyFileSync(join(ROOT, 'lib/runtime', file), join(folder, file));
    // Whatever the umask was of who made the bundles: the proxy is another user's.
    chmodSync(join(folder, file), 0o644);
  }
  copyFileSync(join(ROOT, `node_modules/@koromix/koffi-linux-${arch()}/linux_${arch()}/koffi.node`), join(folder, 'koffi.node'));
  return folder;
}

/** Resolves when the proxy of the pod has everything that it was told. @throws with what it said, where it ends */
export async function ready(pod: Pod, proxy: ChildProcess): Promise<void> {
  const said: string[] = [];
  proxy.stdout!.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  proxy.stderr!.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  while (!(await visit(pod.v4, 15020, '/ready')).startsWith('200')) {
    if (proxy.exitCode !== null || proxy.signalCode !== null) throw new Error(said.join(''));
  }
}

/** Asks from within a pod, as a user. */
export async function ask(pod: Pod, user: number, url: string, host?: string): Promise<string> {
  return pod.run(user, process.execPath, '-e', `
    require('http').get(${JSON.stringify(url)}, { headers: ${JSON.stringify(host === undefined ? {} : { host })}, agent: false, timeout: 5000 }, (answer) => {
      let text = ''; answer.on('data', (chunk) => text += chunk).on('end', () => console.log(answer.statusCode, text));
    }).on('error', (error) => console.log(error.code)).on('timeout', () => console.log('timeout'));
  `);
}

/** What a connection from within a pod hears. */
export async function listen(pod: Pod, user: number, address: string, to: number): Promise<string> {
  return pod.run(user, process.execPath, '-e', `
    const socket = require('net').connect(${to}, ${JSON.stringify(address)}); let text = '';
    socket.on('data', (chunk) => text += chunk).on('end', () => { console.log(text || 'closed'); socket.end(); }).on('error', (error) => console.log(error.code));
  `);
}

/** From outside of all pods. */
export async function visit(host: string, to: number, path = '/'): Promise<string> {
  return new Promise((done) => {
    request({ host, port: to, path, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => done(`${answer.statusCode} ${text}`));
    }).on('error', ({ code }: NodeJS.ErrnoException) => done(code!)).end();
  });
}

/** An address as URLs have it. */
export const inUrl = (address: string) => (address.includes(':') ? `[${address}]` : address);
