import type { ClientRequest, OutgoingHttpHeaders } from 'node:http';
import type { AppProbe } from './types';

type HttpGet = AppProbe & { readonly kind: 'httpGet' };

/** As many redirects as the kubelet follows. */
const MOST_REDIRECTS = 10;
/** What many applications and their logs know the kubelet by. */
const USER_AGENT = 'kube-probe/meshwright';

/** Where it asks. */
export interface Target {
  /** Address of the application in the pod. */
  readonly address: string;
  /** Host by which the kubelet would have asked: the address of the pod. */
  readonly host: string;
}

/**
 * One HTTP probe as the kubelet makes it: GET with the declared headers, any certificate, and redirects followed as long as they stay at the pod; one that
 * leads elsewhere is a success. Calls back once. @returns ends it, without a word
 */
export function httpGet(probe: HttpGet, { address, host }: Target, done: (error: Error | undefined, status?: number) => void): () => void {
  let sent: ClientRequest | undefined;
  let over = false;
  const finish = (error: Error | undefined, status?: number) => {
    if (over) return;
    over = true;
    sent?.destroy();
    done(error, status);
  };
  const ask = async (secure: boolean, port: number, path: string, redirects: number): Promise<void> => {
    // Only who has such probes pays for the runtime's HTTP, and hardly anybody for its TLS.
    const { request: send } = secure ? await import('node:https') : await import('node:http');
    if (over) return;
    const made = sent = send({
      host: address, port, path, method: 'GET', agent: false, headers: headersOf(probe, `${literalHost(host)}:${port}`), rejectUnauthorized: false,
    } as object);
    made.on('error', finish);
    made.on('response', (response) => {
      const { statusCode: status = 0, headers: { location } } = response;
      response.destroy();
      const next = status >= 300 && status < 400 && location !== undefined ? redirected(location, secure, host, port, path) : undefined;
      if (next === undefined) finish(undefined, status);
      else if (redirects === MOST_REDIRECTS) finish(new Error(`more than ${MOST_REDIRECTS} redirects`));
      else void ask(next.secure, next.port, next.path, redirects + 1).catch(finish);
    });
    made.end();
  };
  void ask(probe.secure, probe.port, probe.path, 0).catch(finish);
  return () => {
    over = true;
    sent?.destroy();
  };
}

/** Where a redirect leads, if it is the pod again. */
function redirected(location: string, secure: boolean, host: string, port: number, path: string) {
  const base = `${secure ? 'https' : 'http'}://${literalHost(host)}:${port}${path}`;
  if (!URL.canParse(location, base)) return undefined;
  const to = new URL(location, base);
  if (to.hostname !== new URL(base).hostname || !/^https?:$/.test(to.protocol)) return undefined;
  const https = to.protocol === 'https:';
  return { secure: https, port: Number(to.port || (https ? 443 : 80)), path: `${to.pathname}${to.search}` };
}

function headersOf({ headers }: HttpGet, host: string): OutgoingHttpHeaders {
  const made = new Map<string, { name: string; values: string[] }>([['host', { name: 'host', values: [host] }],
    ['user-agent', { name: 'user-agent', values: [USER_AGENT] }], ['accept', { name: 'accept', values: ['*/*'] }]]);
  const declared = new Set<string>();
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    const before = declared.has(key) ? made.get(key)!.values : [];
    // One Host is all that a request may have.
    made.set(key, { name, values: key === 'host' ? [value] : [...before, value] });
    declared.add(key);
  }
  return Object.fromEntries([...made.values()].map(({ name, values }) => [name, values.length === 1 ? values[0] : values]));
}

function literalHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
