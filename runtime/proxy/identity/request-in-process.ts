import { fork } from 'node:child_process';
import { join } from 'node:path';
import { newKey } from './key';
import type { CertificateRequest } from './types';

export type ToRequestProcess = { readonly publicKey: Uint8Array } | { readonly signature: Uint8Array };
export type FromRequestProcess = { readonly toSign: Uint8Array } | { readonly request: Uint8Array };

/** Where the bundler puts it: beside the proxy. */
const FILE = join(__dirname, 'certificate-request.js');

/**
 * Makes a request in a process that ends with it. The X.509 library is needed twice a day for a moment, and would be 20 MB of every proxy for all
 * the time between, in a thread too. The key stays here: the other process sends what has to be signed.
 */
export async function requestInProcess(file = FILE): Promise<CertificateRequest> {
  const key = await newKey();
  return new Promise((resolve, reject) => {
    const child = fork(file, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [], env: {} });
    const send = (message: ToRequestProcess): void => { child.send(message, (error) => { if (error) reject(error); }); };
    child.on('message', (message: FromRequestProcess) => {
      if ('toSign' in message) send({ signature: key.sign(message.toSign) });
      else resolve({ privateKey: key.privateKey, request: message.request });
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the process that makes certificate requests ended with ${signal ?? `code ${code}`}`)));
    send({ publicKey: key.publicKey });
  });
}
