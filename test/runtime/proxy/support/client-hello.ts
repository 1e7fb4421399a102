import { Duplex } from 'node:stream';
import * as tls from 'node:tls';

/** What Node's own TLS client (OpenSSL) says first. */
export async function clientHello(options: tls.ConnectionOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const wire = new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, done) {
        resolve(bytes);
        done();
        wire.destroy();
      },
    });
    const client = tls.connect({ socket: wire, rejectUnauthorized: false, ...options });
    // It ends with its wire, once it has spoken.
    client.on('error', reject);
  });
}

/** The same message in records of the given sizes, over and over. */
export function inRecords(hello: Buffer, sizes: readonly number[]): Buffer {
  const message = messageOf(hello);
  const records: Buffer[] = [];
  for (let at = 0, i = 0; at < message.length; i++) {
    const fragment = message.subarray(at, at + sizes[i % sizes.length]);
    records.push(Buffer.from([22, 3, 1, fragment.length >> 8, fragment.length & 0xff]), fragment);
    at += fragment.length;
  }
  return Buffer.concat(records);
}

/** The handshake message in a flight of one or more records. */
export function messageOf(hello: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < hello.length;) {
    const length = hello.readUInt16BE(at + 3);
    parts.push(hello.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return Buffer.concat(parts);
}
