import { createServer } from 'node:http';

/** What the service does instead of its work: fail, take three seconds before it works, or nothing of that. */
export type Fault = 'fail' | 'slow' | 'ok';

/** A switch for faults, on a port of its own on the loopback: what comes through the mesh cannot reach it. Returns what is to be done now. */
export function startControl(name: string): () => Fault {
  const { CONTROL_PORT = '9900' } = process.env;
  let fault: Fault = 'ok';
  const control = createServer((request, response) => {
    request.resume();
    const verb = request.url!.slice(1);
    const known = verb === 'fail' || verb === 'slow' || verb === 'ok';
    const ok = request.method === 'POST' && known && request.headers.origin === undefined;
    if (ok) fault = verb;
    const text = `${JSON.stringify(ok ? { service: name, fault } : { error: 'POST /fail, /slow or /ok' })}\n`;
    response.writeHead(ok ? 200 : 404, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
  });
  control.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  control.listen(Number(CONTROL_PORT), process.env.HOST ?? '127.0.0.1');
  process.once('SIGTERM', () => {
    control.close();
    control.closeIdleConnections();
  });
  return () => fault;
}
