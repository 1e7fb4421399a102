import { ErrorCode, FRAME_HEAD, MAX_FRAME } from './protocol';

export interface FrameSink {
  /** One whole frame, its payload in [start, end) of `bytes` until this returns. False: nothing more is read. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean;
}

/**
 * Cuts frames (RFC 9113 §4.1) out of bytes that come in any pieces. Only what there is of an incomplete frame is kept, at most one frame.
 */
export class FrameReader {
  private rest: Buffer | undefined;

  /** Bytes that are kept. */
  get kept(): number {
    return this.rest === undefined ? 0 : this.rest.length;
  }

  /**
   * Reads [start, end); what was kept is put in front, so `bytes` has room for a frame there. Returns an `ErrorCode`: FRAME_SIZE_ERROR as soon as a
   * frame's head says that it is too long.
   */
  read(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    const { rest } = this;
    let i = start;
    if (rest !== undefined) {
      i -= rest.length;
      rest.copy(bytes, i);
      this.rest = undefined;
    }
    while (end - i >= FRAME_HEAD) {
      const length = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
      if (length > MAX_FRAME) return ErrorCode.FrameSizeError;
      const payload = i + FRAME_HEAD;
      if (payload + length > end) break;
      // The highest bit is reserved and ignored.
      const streamId = ((bytes[i + 5] & 0x7f) << 24) | (bytes[i + 6] << 16) | (bytes[i + 7] << 8) | bytes[i + 8];
      i = payload + length;
      if (!sink.onFrame(bytes[payload - 6], bytes[payload - 5], streamId, bytes, payload, i)) return ErrorCode.NoError;
    }
    if (i < end) this.rest = Buffer.from(bytes.subarray(i, end));
    return ErrorCode.NoError;
  }
}
