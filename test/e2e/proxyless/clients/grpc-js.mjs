// A client of gRPC without a proxy, by @grpc/grpc-js-xds. How it is told what to do: ../client.ts.
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { credentials, Metadata, makeClientConstructor } from '@grpc/grpc-js';
import { register, XdsChannelCredentials } from '@grpc/grpc-js-xds';

register();
const bytes = (value) => value;
const Who = makeClientConstructor({
  name: {
    path: '/demo.Who/Name', requestStream: false, responseStream: false,
    requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
  },
}, 'Who');
const client = new Who(process.argv[2], new XdsChannelCredentials(credentials.createInsecure()));

const call = (headers) => new Promise((done) => {
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.set(name, value);
  client.name(Buffer.alloc(0), metadata, { deadline: Date.now() + 10_000 }, (error, answer) => {
    done(error ? { error: error.code, message: error.details } : { answer: String(answer) });
  });
});
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const nameOf = ({ answer, error }) => answer ?? `error ${error}`;

let going = false;
async function go() {
  going = true;
  while (going) {
    print(await call([]));
    // A fault is answered without the network: nothing else would get its turn.
    await setImmediate();
  }
  print({ stopped: true });
}

async function burst(count, headers) {
  const tally = {};
  for (let left = count; left > 0; left--) {
    const name = nameOf(await call(headers));
    tally[name] = (tally[name] ?? 0) + 1;
  }
  print({ tally });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...rest] = line.split(' ');
  if (command === 'start') void go();
  else if (command === 'stop') going = false;
  else if (command === 'burst') void burst(Number(rest[0]), rest.slice(1).map((header) => header.split('=')));
}
client.close();
process.exit(0);
