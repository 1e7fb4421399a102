import type { Framing } from '../http1/framing';
import { Known, type Head } from '../http1/head';
import { KNOWN_BASE, type FieldSection } from './hpack/field-section';
import { readLines } from './request-head';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const SWITCHING = Buffer.from('HTTP/1.1 101 \r\n', 'latin1');

/** Makes of the 2xx that opens a tunnel in HTTP/2 the 101 that a client of HTTP/1.1 waits for, the proof that its key was read included. */
export function writeAccept(head: Head, fields: FieldSection, request: Head, framing: Framing): void {
  // Only who bridges WebSocket pays for it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { createHash } = require('node:crypto') as typeof import('node:crypto');
  const key = request.header('sec-websocket-key') ?? '';
  const accept = createHash('sha1').update(key + GUID).digest('base64');
  const line = Buffer.from(`upgradewebsocketsec-websocket-accept${accept}`, 'latin1');
  fields.append(line, 0, 7, 7, 16, KNOWN_BASE + Known.Upgrade);
  fields.append(line, 16, 36, 36, line.length, 0);
  readLines(fields, 1, head, head.base);
  SWITCHING.copy(fields.bytes, head.base);
  head.linesStart = SWITCHING.length;
  head.status = 101;
  framing.upgrade = true;
}
