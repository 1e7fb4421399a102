/**
 * The service that a constant load is sent to: says of each request what came of it (its id and the digest of its body), and answers with bytes that
 * belong to no other. Environment: HOST, PORT, SERVED_BY (its name; the host's without it).
 */
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { DIGEST, digestOf, ID, payload, SERVED_BY } from './exchange';

const { HOST, PORT = '8080', SERVED_BY: name = hostname() } = process.env;

const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const id = String(request.headers[ID] ?? '');
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = id === '' ? Buffer.from('ok\n') : payload(id, 'answer');
    response.writeHead(200, { [ID]: id, [DIGEST]: digestOf(Buffer.concat(parts)), [SERVED_BY]: name, 'content-length': body.length });
    response.end(body);
  });
});
server.listen(Number(PORT), HOST);
// What is under way is answered; its own sidecar ends after it.
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
