// Clients of delta ADS for the suite `control-plane`, many in one process: node xds.mjs
// Each has a connection and a stream of its own, as a proxy has, and follows the protocol: all clusters and listeners, the endpoints of its clusters,
// its routes; every response is acknowledged. HTTP/2 and protobuf are read only as far as that takes, so that the load is the smaller part.
// Reads one command a line and answers each with a line of JSON:
//   open PORT FIRST COUNT SERVICES   proxies FIRST to FIRST + COUNT - 1, each of service number modulo SERVICES; answered once all have everything
//   watch COUNT                      answered when COUNT responses with endpoints were acknowledged, counted from here
//   again                            clients whose connection ended connect anew, by themselves; answered once all have everything again
//   close                            ends all
// Times are nanoseconds of the machine's monotonic clock, which all processes share.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const TYPE = 'type.googleapis.com/envoy.config.';
const CDS = `${TYPE}cluster.v3.Cluster`;
const EDS = `${TYPE}endpoint.v3.ClusterLoadAssignment`;
const LDS = `${TYPE}listener.v3.Listener`;
const RDS = `${TYPE}route.v3.RouteConfiguration`;
/** Milliseconds from a lost connection to the next attempt, and between attempts: half to one and a half of it. */
const BACKOFF = 500;
/** Connections that are being opened at a time. */
const AT_ONCE = 64;

// ------------------------------------------------------------------------------------------------------------------------------- protobuf

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return Buffer.from(bytes);
}

function field(number, content) {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

let at = 0;

function readVarint(bytes) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * factor;
    if (byte < 128) return value;
  }
}

/** Calls `found` with the number of each length-delimited field, and where it begins and ends. */
function eachField(bytes, start, end, found) {
  at = start;
  while (at < end) {
    const key = readVarint(bytes);
    if ((key & 7) !== 2) {
      readVarint(bytes);
      continue;
    }
    const length = readVarint(bytes);
    const from = at;
    found(key >> 3, from, from + length);
    at = from + length;
  }
}

function request(parts) {
  const message = Buffer.concat(parts);
  const head = Buffer.alloc(9 + 5);
  head.writeUIntBE(message.length + 5, 0, 3);
  head[8] = 1;
  head.writeUInt32BE(message.length, 10);
  return Buffer.concat([head, message]);
}

const struct = (entries) => Buffer.concat(Object.entries(entries).map(([key, value]) => field(1, Buffer.concat([field(1, key), field(2, field(3, value))]))));

function nodeOf(index, services) {
  const service = `s${index % services}`;
  const podIp = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  const metadata = struct({ service, namespace: 'shop', version: 'base', podIp });
  return Buffer.concat([field(1, `${service}-${index}.shop`), field(2, `${service}.shop`), field(3, metadata)]);
}

// --------------------------------------------------------------------------------------------------------------------------------- HTTP/2

const literal = (index, value) => Buffer.concat([index < 15 ? Buffer.from([index]) : Buffer.from([15, index - 15]), Buffer.from([value.length]), Buffer.from(value)]);
const HEADERS = Buffer.concat([
  Buffer.from([0x83, 0x86]),
  literal(4, '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'),
  literal(1, 'control-plane'),
  literal(31, 'application/grpc'),
  Buffer.from([0, 2]), Buffer.from('te'), Buffer.from([8]), Buffer.from('trailers'),
]);
const frame = (type, flags, stream, payload) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
// A window of 2 GB: nothing here ever waits for one.
const OPENING = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
  frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0, 0])),
  frame(1, 4, 1, HEADERS),
]);

/** Acknowledgement of a response, by type, but for its nonce. */
const ACKS = new Map([CDS, EDS, LDS, RDS].map((type) => [type, field(2, type)]));

// ---------------------------------------------------------------------------------------------------------------------------------- client

let connected = () => {};
let watched = 0;
let wanted = Infinity;
let seen = () => {};

class Client {
  constructor(port, index, services) {
    this.port = port;
    this.node = field(1, nodeOf(index, services));
    this.closing = false;
    this.connect();
  }

  connect() {
    this.pending = undefined;
    this.message = undefined;
    this.has = new Set();
    this.socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    this.socket.on('connect', () => {
      this.socket.write(Buffer.concat([OPENING, request([this.node, field(2, CDS)]), request([field(2, LDS)])]));
    });
    this.socket.on('data', (bytes) => this.read(bytes));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.has.clear();
      if (!this.closing) setTimeout(() => this.connect(), BACKOFF * (0.5 + Math.random()));
    });
  }

  read(bytes) {
    const all = this.pending ? Buffer.concat([this.pending, bytes]) : bytes;
    let from = 0;
    while (all.length - from >= 9) {
      const length = all.readUIntBE(from, 3);
      if (all.length - from < 9 + length) break;
      this.frame(all[from + 3], all[from + 4], all.subarray(from + 9, from + 9 + length));
      from += 9 + length;
    }
    this.pending = from === all.length ? undefined : all.subarray(from);
  }

  frame(type, flags, payload) {
    if (type === 0) this.data(payload);
    else if (type === 4 && !(flags & 1)) this.socket.write(frame(4, 1, 0, Buffer.alloc(0)));
    else if (type === 6 && !(flags & 1)) this.socket.write(frame(6, 1, 0, payload));
    else if (type === 3 || type === 7 || (type === 1 && flags & 1)) this.socket.destroy();
  }

  data(payload) {
    let all = this.message ? Buffer.concat([this.message, payload]) : payload;
    while (all.length >= 5) {
      const length = all.readUInt32BE(1);
      if (all.length < 5 + length) break;
      this.response(all, 5, 5 + length);
      all = all.subarray(5 + length);
    }
    this.message = all.length === 0 ? undefined : all;
  }

  response(bytes, start, end) {
    let type = '';
    let nonce;
    const resources = [];
    eachField(bytes, start, end, (number, from, to) => {
      if (number === 4) type = bytes.latin1Slice(from, to);
      else if (number === 5) nonce = bytes.subarray(from, to);
      else if (number === 2) resources.push([from, to]);
    });
    const answers = [request([ACKS.get(type), field(6, nonce)])];
    if (!this.has.has(type)) {
      if (type === CDS) answers.push(request([field(2, EDS), ...names(bytes, resources).filter((name) => !name.startsWith('inbound')).map((name) => field(3, name))]));
      if (type === LDS) answers.push(request([field(2, RDS), field(3, 'outbound')]));
      this.has.add(type);
      if (this.has.size === 4) connected();
    }
    this.socket.write(answers.length === 1 ? answers[0] : Buffer.concat(answers));
    if (type === EDS && ++watched === wanted) seen();
  }

  close() {
    this.closing = true;
    this.socket.destroy();
  }
}

function names(bytes, resources) {
  const found = [];
  for (const [start, end] of resources) eachField(bytes, start, end, (number, from, to) => { if (number === 3) found.push(bytes.latin1Slice(from, to)); });
  return found;
}

// -------------------------------------------------------------------------------------------------------------------------------- commands

let clients = [];
const time = () => Number(process.hrtime.bigint());

async function open(port, first, count, services) {
  let left = count;
  let next = first;
  await new Promise((resolve) => {
    const begin = () => { if (next < first + count) clients.push(new Client(port, next++, services)); };
    connected = () => {
      if (--left === 0) resolve();
      else begin();
    };
    for (let index = 0; index < AT_ONCE; index++) begin();
  });
  return { at: time() };
}

const commands = {
  open: async (...args) => open(...args),
  watch: async (count) => {
    watched = 0;
    wanted = count;
    if (count > 0) await new Promise((resolve) => { seen = resolve; });
    wanted = Infinity;
    return { at: time() };
  },
  again: async () => {
    let left = clients.length;
    await new Promise((resolve) => { connected = () => { if (--left === 0) resolve(); }; });
    return { at: time() };
  },
  close: async () => {
    for (const client of clients) client.close();
    clients = [];
    return {};
  },
};

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const [name, ...args] = line.split(' ');
  commands[name](...args.map(Number)).then((answer) => console.log(JSON.stringify(answer)), (error) => console.log(JSON.stringify({ error: error.message })));
});
input.on('close', () => process.exit());
console.log('ready');
