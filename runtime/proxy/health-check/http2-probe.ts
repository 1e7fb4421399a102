import type { HealthCheckConfig } from '../config/types';
import { statusInTrailers } from '../grpc/status';
import { parseDecimal } from '../http1/bytes';
import { Decoded, HpackDecoder } from '../http2/hpack/decoder';
import { writeTextField } from '../http2/hpack/encoder';
import { FieldSection } from '../http2/hpack/field-section';
import { Static } from '../http2/hpack/static-table';
import { FRAME_HEAD, Flag, FrameType, PREFACE } from '../http2/protocol';
import { MAX_ANSWER, Probe, expects, type ProbeResult } from './probe';

/** HealthCheckResponse.ServingStatus.SERVING. */
const SERVING = 1;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const NOTHING = Buffer.alloc(0);

type Of<K> = Extract<HealthCheckConfig, { readonly kind: K }>;
/** What is asked, whoever asks. */
export type Http2Question = Pick<Of<'http'>, 'kind' | 'host' | 'path' | 'expectedStatuses'> | Pick<Of<'grpc'>, 'kind' | 'host' | 'service'>;

/** A question over HTTP/2: GET with the status of what comes, or grpc.health.v1.Health/Check with what the service says of itself. */
export class Http2Probe extends Probe {
  private readonly decoder = new HpackDecoder();
  private readonly fields = new FieldSection(MAX_ANSWER);
  private block: Buffer = NOTHING;
  private body: Buffer = NOTHING;
  private status = 0;
  private endsStream = false;

  constructor(
    private readonly config: Http2Question, private readonly secure: boolean, input: Buffer,
    done: (result: ProbeResult) => void,
  ) {
    super(input, done);
  }

  onConnect(): void {
    const { config } = this;
    const isGrpc = config.kind === 'grpc';
    const list: [string, string][] = [
      [':method', isGrpc ? 'POST' : 'GET'], [':scheme', this.secure ? 'https' : 'http'], [':authority', config.host],
      [':path', isGrpc ? '/grpc.health.v1.Health/Check' : config.path], ['user-agent', 'meshwright/HC'],
      ...isGrpc ? [['te', 'trailers'], ['content-type', 'application/grpc']] as [string, string][] : [],
    ];
    const block = Buffer.alloc(list.reduce((size, [name, value]) => size + 2 * name.length + value.length + 40, 0));
    let end = 0;
    for (const [name, value] of list) end = writeTextField(block, end, name, value);
    const headers = frame(FrameType.Headers, Flag.EndHeaders | (isGrpc ? 0 : Flag.EndStream), 1, block.subarray(0, end));
    this.send(Buffer.concat([
      PREFACE, frame(FrameType.Settings, 0, 0, NOTHING), headers,
      ...isGrpc ? [frame(FrameType.Data, Flag.EndStream, 1, question(config.service))] : [],
    ]));
  }

  protected onBytes(): void {
    for (let { received } = this; received.length >= FRAME_HEAD; { received } = this) {
      const length = received.readUIntBE(0, 3);
      if (received.length < FRAME_HEAD + length) return;
      this.received = received.subarray(FRAME_HEAD + length);
      this.onFrame(received[3], received[4], received.readUInt32BE(5) & 0x7fff_ffff, received.subarray(FRAME_HEAD, FRAME_HEAD + length));
    }
  }

  private onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.Settings:
        if ((flags & Flag.Ack) === 0) this.send(frame(FrameType.Settings, Flag.Ack, 0, NOTHING));
        return;
      case FrameType.Ping:
        if ((flags & Flag.Ack) === 0) this.send(frame(FrameType.Ping, Flag.Ack, 0, payload));
        return;
      case FrameType.Headers:
      case FrameType.Continuation:
        this.block = Buffer.concat([this.block, type === FrameType.Headers ? unpadded(flags, payload) : payload]);
        if (type === FrameType.Headers) this.endsStream = (flags & Flag.EndStream) !== 0;
        if ((flags & Flag.EndHeaders) !== 0) this.onBlock();
        return;
      case FrameType.Data:
        if (stream !== 1) return;
        this.body = Buffer.concat([this.body, unpadded(flags, payload)]);
        if ((flags & Flag.EndStream) !== 0) this.finish('network');
        return;
      case FrameType.RstStream:
      case FrameType.GoAway:
        this.finish('network');
        return;
    }
  }

  private onBlock(): void {
    const { block, fields } = this;
    this.block = NOTHING;
    if (this.decoder.decode(block, 0, block.length, fields) !== Decoded.Ok || fields.malformed || fields.tooLarge || fields.count === 0) {
      this.finish('network');
      return;
    }
    if (fields.known[0] === Static.Status) {
      const status = parseDecimal(fields.bytes, fields.valueStart(0), fields.valueEnd(0));
      if (status < 200) return;
      this.status = status;
      if (this.config.kind === 'http') {
        this.finish(expects(this.config, status) ? 'healthy' : 'unhealthy');
        return;
      }
    }
    if (!this.endsStream) return;
    const ok = this.status === 200 && statusInTrailers(fields) === 0;
    this.finish(ok && servingStatus(this.body) === SERVING ? 'healthy' : 'unhealthy');
  }
}

/** Without the padding and the priority that a frame of DATA or HEADERS may have. */
function unpadded(flags: number, payload: Buffer): Buffer {
  const padding = (flags & Flag.Padded) === 0 ? 0 : payload[0];
  const start = ((flags & Flag.Padded) === 0 ? 0 : 1) + ((flags & Flag.Priority) === 0 ? 0 : 5);
  return payload.subarray(start, Math.max(start, payload.length - padding));
}

/** A HealthCheckRequest: its field 1 is the service's name. */
function question(service: string): Buffer {
  const name = Buffer.from(service);
  const message = service === '' ? NOTHING : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Field 1 of the one HealthCheckResponse that came; 0, UNKNOWN, where there is none; -1 for what is no such message. */
function servingStatus(body: Buffer): number {
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) return -1;
  if (body.length === 5) return 0;
  return body[5] === 0x08 && body.length === 7 && body[6] < 128 ? body[6] : -1;
}
