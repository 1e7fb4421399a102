import { GrpcStatus, decodeMessage, grpcStatusOf, messageInTrailers, statusInTrailers } from '../grpc/status';
import { copyBytes, parseDecimal } from '../http1/bytes';
import type { QueuedStream } from '../http2/client-connection';
import { writeTextField } from '../http2/hpack/encoder';
import type { FieldSection } from '../http2/hpack/field-section';
import { Static } from '../http2/hpack/static-table';
import { ErrorCode, FRAME_HEAD } from '../http2/protocol';
import { Http2Stream } from '../http2/stream';
import type { CloseReason } from '../transport';
import type { GrpcConnection } from './connection';
import { MessageReader, prefixed } from './message-reader';

/** What a call is about. */
export interface CallHead {
  /** `:path`: service and method. */
  readonly path: string;
  readonly authority: string;
  readonly secure: boolean;
  /** Beside what every call has; names in lower case. */
  readonly metadata: readonly (readonly [name: string, value: string])[];
}

export interface CallEvents {
  message(bytes: Buffer): void;
  /** Once, the last: by the server's own word, or by what kept it from saying it. */
  ended(status: number, text: string): void;
  /** Nothing of the call has reached a server: there was no connection. */
  unconnected(text: string): void;
}

/** One call on a stream of its own: messages in both directions, then a status. */
export class CallStream extends Http2Stream implements QueuedStream {
  readonly needsSettings = false;
  private readonly reader: MessageReader;
  private readonly early: Buffer[] = [];
  private requestEnded = false;
  private over = false;

  constructor(private readonly owner: GrpcConnection, private readonly head: CallHead, private readonly events: CallEvents, maxMessage: number) {
    super();
    this.http2 = owner;
    this.reader = new MessageReader(maxMessage);
  }

  send(): void {
    const { owner, early } = this;
    this.open(owner, owner.nextStreamId());
    const block = headerBlock(this.head);
    const { out } = owner;
    out.reserve(block.length + FRAME_HEAD + 1);
    const start = out.end;
    const stop = copyBytes(block, 0, block.length, out.bytes, owner.startBlock(out.bytes, start + FRAME_HEAD));
    this.sendBlock(start, stop, false);
    for (const message of early.splice(0)) this.sendBytes(message, 0, message.length, false);
    if (this.requestEnded) this.finish(undefined);
  }

  write(message: Uint8Array): void {
    if (this.over) return;
    const bytes = prefixed(message);
    if (this.id === 0) this.early.push(bytes);
    else this.sendBytes(bytes, 0, bytes.length, false);
  }

  endRequest(): void {
    this.requestEnded = true;
    if (this.id !== 0) this.finish(undefined);
  }

  /** Nobody waits for what comes. */
  cancel(): void {
    this.over = true;
    if (this.id !== 0) this.owner.reset(this, ErrorCode.Cancel);
    else this.owner.unqueue(this);
  }

  protected endedFirst(): void {}
  protected onWritable(): void {}

  onHead(fields: FieldSection, endStream: boolean): void {
    const status = httpStatus(fields);
    if (status < 100 || (status < 200 && endStream)) {
      this.wrong();
      return;
    }
    if (status < 200) return;
    this.hasHead = true;
    this.remoteClosed = endStream;
    if (status !== 200) this.end(grpcStatusOf(status), `the server answers with status ${status} of HTTP`);
    else if (endStream) this.endBy(fields);
  }

  onBody(bytes: Buffer, start: number, end: number, flow: number, endStream: boolean): void {
    const { http2 } = this;
    if (endStream) this.remoteClosed = true;
    http2.credit(endStream ? undefined : this, flow);
    let messages: Buffer[];
    try {
      messages = this.reader.add(Buffer.from(bytes.subarray(start, end)));
    } catch (error) {
      this.end(GrpcStatus.Internal, (error as Error).message);
      return;
    }
    for (const message of messages) if (!this.over) this.events.message(message);
    if (endStream) this.end(GrpcStatus.Internal, 'the server ended the call without a status');
  }

  onTrailers(fields: FieldSection): void {
    this.remoteClosed = true;
    if (this.reader.between || this.over) this.endBy(fields);
    else this.end(GrpcStatus.Internal, 'the server ended the call within a message');
  }

  private endBy(fields: FieldSection): void {
    const status = statusInTrailers(fields);
    if (status < 0) this.end(GrpcStatus.Internal, 'the server ended the call without a status');
    else this.end(status, decodeMessage(messageInTrailers(fields)));
  }

  lost(reason: CloseReason, _unprocessed: boolean): void {
    if (this.over) return;
    this.over = true;
    const { failure, connected } = this.owner;
    if (!connected) this.events.unconnected(failure ?? 'nobody takes the connection');
    else this.events.ended(GrpcStatus.Unavailable, failure ?? (reason === 'protocol' ? 'what came is no HTTP/2' : 'the connection is lost'));
  }

  private end(status: number, text: string): void {
    const first = !this.over;
    this.over = true;
    if (this.id !== 0) {
      if (this.localClosed && this.remoteClosed) this.owner.finished(this);
      else this.owner.reset(this, ErrorCode.Cancel);
    }
    if (first) this.events.ended(status, text);
  }
}

/** 0: it is no answer's. */
function httpStatus(fields: FieldSection): number {
  if (fields.malformed || fields.tooLarge || fields.count === 0 || fields.known[0] !== Static.Status) return 0;
  return parseDecimal(fields.bytes, fields.valueStart(0), fields.valueEnd(0));
}

function headerBlock({ path, authority, secure, metadata }: CallHead): Buffer {
  const fields: (readonly [string, string])[] = [
    [':method', 'POST'], [':scheme', secure ? 'https' : 'http'], [':path', path], [':authority', authority], ['te', 'trailers'],
    ['content-type', 'application/grpc'], ['user-agent', 'meshwright'], ...metadata,
  ];
  const block = Buffer.allocUnsafe(fields.reduce((size, [name, value]) => size + 2 * name.length + value.length + 40, 0));
  let end = 0;
  for (const [name, value] of fields) end = writeTextField(block, end, name, value);
  return block.subarray(0, end);
}
