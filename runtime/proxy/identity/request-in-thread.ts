import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CertificateRequest } from './types';

/** Where the bundler puts it: beside the proxy. */
const FILE = join(__dirname, 'certificate-request.js');

/**
 * Makes a request in a thread that ends with it. The X.509 library is needed twice a day for a moment, and would be megabytes of every proxy for
 * all the time between; the key stays in this process.
 */
export async function requestInThread(file = FILE): Promise<CertificateRequest> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { argv: [], name: 'certificate request' });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread that makes certificate requests ended with code ${code}`)));
  });
}
