import type { IncomingMessage } from 'node:http';

const TIMEOUT = 5000;
const MOST_BYTES = 1024 * 1024;

/**
 * GET; where it is https, of an end that has the name in its certificate, which comes from one of these authorities, in PEM, or else from a public one, as the
 * runtime has them. Redirects are not followed. Rejects with what went wrong.
 */
export async function fetchDocument(url: string, authorities?: string): Promise<string> {
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  const tls = url.startsWith('https:') && authorities !== undefined ? { ca: authorities } : {};
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { accept: 'application/json' }, agent: false, ...tls, signal: AbortSignal.timeout(TIMEOUT) }, (response) => {
      void bodyOf(response).then(resolve, reject);
    });
    request.on('error', reject);
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`it answers ${response.statusCode}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error(`it answers more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
