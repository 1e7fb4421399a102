import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { INJECT_PATH, type InjectionSettings } from '../../../src/contract';
import type { ServingIdentity } from '../identity/serving-identity';
import type { Log } from '../log';
import { review, type Admission, type AdmissionReview } from './review';

/** Largest review: the API takes objects of up to 3 MB, and a review may hold two. */
const LARGEST = 8 * 1024 * 1024;
/** Milliseconds in which a request must have come; the API server itself waits for ten seconds. */
const TIMEOUT = 10_000;

export interface InjectorOptions {
  readonly log: Log;
  readonly address: { readonly host: string; readonly port: number };
  /** The certificate that the API server is shown; renewed as it is. */
  readonly serving: Pick<ServingIdentity, 'addIdentityCertificateListener' | 'removeIdentityCertificateListener'>;
  readonly settings: () => InjectionSettings | undefined;
  /** A pod was given a sidecar. */
  readonly injected: (namespace: string) => void;
}

type ServingListener = Parameters<ServingIdentity['addIdentityCertificateListener']>[0];

/** The admission webhook: HTTPS by the control plane's own certificate, whose roots the API server gets as `caBundle`. */
export class Injector {
  readonly stats: Record<Admission | 'invalid', number> = { injected: 0, left: 0, refused: 0, invalid: 0 };
  private readonly server: Server;
  private readonly renewed: ServingListener = (own) => {
    if (own) this.server.setSecureContext({ cert: own.certificate, key: own.privateKey, minVersion: 'TLSv1.2' });
  };
  port = 0;

  constructor(private readonly options: InjectorOptions) {
    this.server = createServer({ requestTimeout: TIMEOUT, headersTimeout: TIMEOUT }, (request, response) => { void this.serve(request, response); });
  }

  async listen(): Promise<void> {
    const { address: { host, port }, serving } = this.options;
    serving.addIdentityCertificateListener(this.renewed);
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.options.serving.removeIdentityCertificateListener(this.renewed);
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.url?.split('?')[0] !== INJECT_PATH || request.method !== 'POST') {
        reply(response, 404, { error: `POST ${INJECT_PATH} is what there is` });
        return;
      }
      const document = JSON.parse(await bodyOf(request)) as AdmissionReview;
      if (document.kind !== 'AdmissionReview' || typeof document.request?.uid !== 'string') throw new Error('the body is no AdmissionReview of admission.k8s.io/v1');
      const { answer, admission } = review(document, this.options.settings());
      this.stats[admission]++;
      const { namespace = 'default', object } = document.request;
      const pod = (object?.metadata as { name?: string; generateName?: string } | undefined);
      this.options.log[admission === 'refused' ? 'warning' : 'info']('injector', `pod ${admission}`, {
        namespace, pod: pod?.name ?? pod?.generateName, reason: answer.response.status?.message,
      });
      if (admission === 'injected') this.options.injected(namespace);
      reply(response, 200, answer);
    } catch (error) {
      this.stats.invalid++;
      reply(response, 400, { error: (error as Error).message });
    }
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > LARGEST) throw new Error(`the body is longer than ${LARGEST} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
