import { parentPort } from 'node:worker_threads';
import { makeCertificateRequest } from './certificate-request';

/** One request, and the thread is over. */
void makeCertificateRequest().then((made) => parentPort!.postMessage(made));
