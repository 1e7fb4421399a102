import { FrameReader } from '../../../runtime/proxy/http2/frame-reader';
import { Decoded, HpackDecoder, TABLE_SIZE } from '../../../runtime/proxy/http2/hpack/decoder';
import { FIELD_OVERHEAD, writeField } from '../../../runtime/proxy/http2/hpack/encoder';
import { FieldSection } from '../../../runtime/proxy/http2/hpack/field-section';
import { ErrorCode, FRAME_HEAD, MAX_FRAME } from '../../../runtime/proxy/http2/protocol';
import type { Target } from '../engine';
import { check, cutsOf } from './support';

const LIMIT = 16 * 1024;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const section = new FieldSection(LIMIT);
const again = new FieldSection(LIMIT);

const fieldsOf = (of: FieldSection): [string, string][] => Array.from({ length: of.count }, (_, i) => [of.name(i), of.value(i)]);

/** Two header blocks of one connection, the input's halves: what is decoded is bounded, and comes back from the encoder unchanged. */
function decodes(input: Buffer): void {
  const decoder = new HpackDecoder();
  const half = input.length > 0 ? input[0] % (input.length + 1) : 0;
  for (const block of [input.subarray(1, Math.max(1, half)), input.subarray(Math.max(1, half))]) {
    const result = decoder.decode(block, 0, block.length, section);
    if (result !== Decoded.Ok) return;
    if (section.end > LIMIT + TABLE_SIZE + block.length * 2) throw new Error(`${section.end} bytes are kept of a list of at most ${LIMIT}`);
    if (section.tooLarge) continue;
    const fields = fieldsOf(section);
    const names = fields.map(([name]) => name.replace(/[A-Z]/g, (c) => c.toLowerCase()));
    const to = Buffer.alloc(section.end + section.count * FIELD_OVERHEAD);
    let end = 0;
    for (let i = 0; i < section.count; i++) {
      end = writeField(to, end, section.bytes, section.nameStart(i), section.nameEnd(i), section.valueStart(i), section.valueEnd(i));
    }
    check(new HpackDecoder().decode(to, 0, end, again), Decoded.Ok, 'what was encoded is not decoded');
    check(fieldsOf(again), fields.map(([, value], i) => [names[i], value]), 'encoding changes fields');
  }
}

export const hpack: Target = {
  name: 'hpack',
  run: decodes,
  // RFC 7541 Appendix C, both halves in one.
  seeds: [
    hex('0f400a637573746f6d2d6b65790d637573746f6d2d686561646572'), hex('0f828684410f7777772e6578616d706c652e636f6d828684be58086e6f2d6361636865'),
    hex('0f828684418cf1e3c2e5f23a6ba0ab90f4ff828684be5886a8eb10649cbf'), hex('083fe10148033330325807707269766174654803333037c1c0bf'), hex('04208286'), hex('033f1f82'),
  ],
  dictionary: [hex('82'), hex('be'), hex('ff'), hex('7fff'), hex('3fe11f'), hex('20'), hex('40'), hex('418c'), hex('ffffff7f'), hex('80808001'), hex('0f'), hex('1f')],
};

/** Frames that a reader found, in a room that has what comes before in front of it. */
function framesOf(pieces: readonly Buffer[]): { frames: string[]; error: number; kept: number } {
  const room = FRAME_HEAD + MAX_FRAME;
  const reader = new FrameReader();
  const frames: string[] = [];
  let error: number = ErrorCode.NoError;
  for (const piece of pieces) {
    const bytes = Buffer.concat([Buffer.alloc(room), piece]);
    error = reader.read(bytes, room, bytes.length, {
      onFrame: (type, flags, id, from, start, end) => {
        frames.push(`${type} ${flags} ${id} ${from.toString('hex', start, end)}`);
        return true;
      },
    });
    if (error !== ErrorCode.NoError) break;
    if (reader.kept > room) throw new Error(`${reader.kept} bytes are kept of one frame`);
  }
  return { frames, error, kept: error === ErrorCode.NoError ? reader.kept : 0 };
}

export const frames: Target = {
  name: 'http2-frames',
  run: (input) => check(framesOf(cutsOf(input)), framesOf([input]), 'a cut changes the frames'),
  seeds: [hex('000000040000000000'), hex('00000401050000000182868441'), hex('000004080000000000000000010000050005000000016162636465'), hex('004000000000000001')],
  dictionary: [hex('000000'), hex('004000'), hex('004001'), hex('ffffff'), hex('0105'), hex('09'), hex('80000001')],
};
