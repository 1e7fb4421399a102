import { Body } from '../http1/framing';
import { READ_OFFSET, READ_SIZE } from '../transport';
import type { FieldSection } from './hpack/field-section';
import { blockSize, framing, head, readAnswer, writeAnswerBlock } from './message-encoder';
import { HeadResult, writeRequestHead } from './message-head';
import { ErrorCode, Flag } from './protocol';
import type { ServerConnection } from './server-connection';
import { Http2Stream } from './stream';

/** A client's stream: a request comes, an answer goes. */
export class ServerStream extends Http2Stream {
  protected readonly abortCode = ErrorCode.InternalError;

  constructor(private readonly server: ServerConnection) {
    super(server);
  }

  begin(id: number): void {
    this.open(id);
  }

  onHead(fields: FieldSection, endStream: boolean): void {
    const { server } = this;
    this.hasHead = true;
    const end = writeRequestHead(fields, endStream, this.facts, server.transport.input, READ_OFFSET, READ_OFFSET + READ_SIZE);
    if (end === HeadResult.Malformed) {
      server.streamError(this, ErrorCode.ProtocolError);
      return;
    }
    if (endStream) this.remoteClosed = true;
    if (end === HeadResult.TooLarge) server.refuseTooLarge(this);
    else this.deliver(end - READ_OFFSET);
  }

  protected takeHead(bytes: Buffer, at: number, end: number): number {
    const { http2 } = this;
    const length = readAnswer(bytes, at, end, this.facts.isHead);
    if (length === 0 || this.id === 0) {
      this.reset();
      return end;
    }
    const { out } = http2;
    out.reserve(blockSize(length, head.count) + 9);
    const start = out.end;
    const stop = writeAnswerBlock(out.bytes, http2.startBlock(out.bytes, start + 9));
    const final = head.status >= 200;
    const bodiless = final && framing.body === Body.None;
    const { body, length: bodyLength } = framing;
    http2.finishBlock(this.id, start, stop, bodiless ? Flag.EndStream : 0);
    if (bodiless) this.ended();
    else if (final) this.startBody(body, bodyLength);
    return at + length;
  }

  /** RFC 9113 §8.1: the rest of the request is of no use; it is no error of the client's. */
  protected endedFirst(): void {
    this.server.reset(this, ErrorCode.NoError);
  }
}
