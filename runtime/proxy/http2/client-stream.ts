import { Body } from '../http1/framing';
import { READ_OFFSET, READ_SIZE } from '../transport';
import type { ClientConnection } from './client-connection';
import type { FieldSection } from './hpack/field-section';
import { blockSize, framing, head, readForwarded, writeRequestBlock } from './message-encoder';
import { writeResponseHead } from './message-head';
import { ErrorCode, FRAME_HEAD, Flag } from './protocol';
import { Http2Stream } from './stream';

/** A stream to an upstream: a request goes, an answer comes. */
export class ClientStream extends Http2Stream {
  protected readonly abortCode = ErrorCode.Cancel;

  constructor(private readonly client: ClientConnection) {
    super(client);
  }

  protected takeHead(bytes: Buffer, at: number, end: number): number {
    const { client } = this;
    // The engine has read the answer before by its length, and END_STREAM may still be on its way.
    if (this.id !== 0) client.release(this);
    const length = readForwarded(bytes, at, end);
    const id = client.nextStreamId();
    if (length === 0 || id === 0) {
      this.loseLater();
      return end;
    }
    this.open(id);
    this.facts.isHead = framing.isHead;
    const { out } = client;
    out.reserve(blockSize(length, head.count) + FRAME_HEAD);
    const start = out.end;
    const stop = writeRequestBlock(out.bytes, client.startBlock(out.bytes, start + FRAME_HEAD));
    const { body, length: bodyLength } = framing;
    client.finishBlock(id, start, stop, body === Body.None ? Flag.EndStream : 0);
    if (body === Body.None) this.ended();
    else this.startBody(body, bodyLength);
    return at + length;
  }

  protected endedFirst(): void {}

  onHead(fields: FieldSection, endStream: boolean): void {
    const { client, facts } = this;
    const end = writeResponseHead(fields, endStream, facts, client.transport.input, READ_OFFSET, READ_OFFSET + READ_SIZE);
    if (end < 0) {
      client.reset(this, ErrorCode.ProtocolError);
      this.lost('protocol');
      return;
    }
    this.hasHead = facts.status >= 200;
    if (endStream) {
      this.remoteClosed = true;
      if (this.localClosed) client.finished(this);
    }
    this.deliver(end - READ_OFFSET);
  }
}
