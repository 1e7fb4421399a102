import { send, type Answer } from './client';
import type { Observation } from './differences';
import type { Proxy, Setup } from './setup';
import type { Case } from './table';

export interface Outcome {
  readonly answer: Answer;
  readonly tries: number;
  readonly observation: Observation;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Values that differ from run to run; that they are there, and what they look like, is compared. */
function normalized(name: string, value: string): string {
  switch (name) {
    case 'date': return '<date>';
    case 'x-case': return '<case>';
    case 'x-request-id': return UUID.test(value) ? '<uuid>' : value;
    // Which of several replicas answers is the balancer's choice; ring hash is compared apart.
    case 'x-host': return '<host>';
    case 'x-digest': return '<digest>';
    default: return value;
  }
}

function addHeaders(fields: Map<string, string>, prefix: string, headers: ReadonlyArray<readonly [string, string]>): void {
  for (const [name, value] of headers) {
    const field = `${prefix}${name.toLowerCase()}`;
    const before = fields.get(field);
    fields.set(field, before === undefined ? normalized(name.toLowerCase(), value) : `${before} | ${value}`);
  }
}

/** Sends the case through a proxy, and writes down all that can be seen of it on both sides. */
export async function observe({ backends }: Setup, proxy: Proxy, request: Case): Promise<Outcome> {
  const id = `${request.name}, ${proxy.name}`.replace(/[^ -~]/g, '');
  const answer = await send(proxy.outbound, request, id);
  backends.release(id);
  const tries = backends.tries(id);
  const fields = new Map<string, string>([['status', String(answer.status)], ['tries', String(tries.length)], ['connection', answer.kept ? 'kept' : 'closed']]);
  addHeaders(fields, 'response.header.', answer.headers);
  const digest = answer.headers.find(([name]) => name.toLowerCase() === 'x-digest')?.[1];
  if (digest === undefined) fields.set('response.body', answer.body);
  else if (request.method !== 'HEAD') fields.set('response.body', digest === answer.bodyDigest ? 'as the backend sent it' : `${answer.bodyBytes} bytes, not as sent`);
  tries.forEach((seen, index) => {
    const prefix = `try.${index + 1}.`;
    fields.set(`${prefix}backend`, seen.backend);
    fields.set(`${prefix}request`, `${seen.method} ${seen.path}`);
    fields.set(`${prefix}body`, `${seen.bodyBytes} bytes, ${seen.bodyDigest}`);
    addHeaders(fields, `${prefix}header.`, seen.headers);
  });
  return { answer, tries: tries.length, observation: fields };
}
