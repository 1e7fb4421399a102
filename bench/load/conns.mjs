// The application and its clients for the suite `conns`, in one process: node conns.mjs FIRST_PORT PORTS
// Reads one command a line and answers each with a line of JSON:
//   open PORT N       N connections that stay, each after one answered request
//   slow PORT BYTES   one answer of BYTES, read in pieces with pauses
//   close             ends the connections
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [firstPort, ports] = process.argv.slice(2).map(Number);
const SMALL = Buffer.alloc(1024, 'x');
const PIECE = Buffer.alloc(64 * 1024, 'x');
/** Connections that are being opened at a time: the proxies' own listening queues shall not be what is measured. */
const AT_ONCE = 64;
/** The slow reader takes so much, then pauses so long, in milliseconds. */
const TAKES = 4 * 1024 * 1024;
const PAUSE = 20;

const request = (bytes) => `GET /api/${bytes} HTTP/1.1\r\nhost: payment.shop\r\nx-tenant: acme\r\n\r\n`;
const held = [];

function answer(incoming, response) {
  const bytes = Number(incoming.url.slice('/api/'.length));
  if (bytes <= SMALL.length) {
    response.end(SMALL.subarray(0, bytes));
    return;
  }
  response.writeHead(200, { 'content-length': bytes });
  let left = bytes;
  const write = () => {
    while (left > 0) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', write);
        return;
      }
    }
    response.end();
  };
  write();
}

async function openOne(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  held.push(socket);
  await new Promise((resolve, reject) => {
    let got = 0;
    let expected = Infinity;
    let head = '';
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${got} bytes: ${head.slice(0, 80)}`)));
    socket.on('data', (bytes) => {
      got += bytes.length;
      if (expected === Infinity) {
        head += bytes.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!head.startsWith('HTTP/1.1 200')) reject(new Error(head.slice(0, 80)));
        expected = end + 4 + SMALL.length;
      }
      if (got >= expected) resolve();
    });
    socket.write(request(SMALL.length));
  });
  socket.removeAllListeners('close');
}

async function open(port, count) {
  let left = count;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await openOne(port);
  }));
  return { open: held.filter((socket) => !socket.destroyed).length };
}

async function slow(port, bytes) {
  const socket = connect(port, '127.0.0.1');
  const started = performance.now();
  let got = 0;
  let sincePause = 0;
  await new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => (got >= bytes ? resolve() : reject(new Error(`closed after ${got} bytes`))));
    socket.on('data', (piece) => {
      got += piece.length;
      sincePause += piece.length;
      if (got >= bytes) {
        socket.destroy();
      } else if (sincePause >= TAKES) {
        sincePause = 0;
        socket.pause();
        setTimeout(() => socket.resume(), PAUSE);
      }
    });
    socket.write(request(bytes));
  });
  return { bytes: got, seconds: (performance.now() - started) / 1000 };
}

for (let port = firstPort; port < firstPort + ports; port++) {
  await new Promise((resolve) => createServer({ keepAliveTimeout: 60_000 }, answer).listen(port, '127.0.0.1', resolve));
}
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = line.split(' ');
  try {
    if (command === 'open') {
      console.log(JSON.stringify(await open(Number(args[0]), Number(args[1]))));
    } else if (command === 'slow') {
      console.log(JSON.stringify(await slow(Number(args[0]), Number(args[1]))));
    } else {
      for (const socket of held.splice(0)) socket.destroy();
      console.log('{}');
    }
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
}
process.exit(0);
