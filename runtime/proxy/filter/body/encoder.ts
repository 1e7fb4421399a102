import type { Transform } from 'node:stream';
import type { BrotliConfig, CompressorLibrary, GzipConfig, ZstdConfig } from '../../config/types';

/** Loaded by whom compresses. */
const zlib = () => process.getBuiltinModule('node:zlib');

/** Bytes that wait to be encoded, from which on no more are taken. */
const FULL = 64 * 1024;
/** Bytes that all encoders of a worker may have for their windows and tables; whoever comes then gets the body as it is. */
const MEMORY = 64 * 1024 * 1024;

let memoryInUse = 0;
const encoders = new Set<Encoder>();
let onProgress: (() => void)[] = [];

/**
 * For tests on virtual time, which cannot see what threads do: resolves when an encoder has gone on; undefined where none has anything to do but to wait
 * for who takes its output, or for more.
 */
export function encoderProgress(): Promise<void> | undefined {
  for (const encoder of encoders) if (encoder.busy) return new Promise((resolve) => onProgress.push(resolve));
  return undefined;
}

function progress(): void {
  if (onProgress.length === 0) return;
  const told = onProgress;
  onProgress = [];
  for (const tell of told) tell();
}

interface Flushing extends Transform {
  flush(kind: number, then: () => void): void;
}

/** Of the runtime, from Node.js 22.15 on; the types of older ones do not know it. */
interface ZstdRuntime {
  readonly createZstdCompress: (options: { chunkSize: number; params: Record<number, number> }) => Flushing;
  readonly constants: Record<'ZSTD_c_compressionLevel' | 'ZSTD_c_checksumFlag' | 'ZSTD_c_strategy' | 'ZSTD_e_flush', number>;
}

/** What an encoder costs as long as it lives, as its library documents it. */
function memoryOf(library: CompressorLibrary): number {
  switch (library.coding) {
    case 'gzip': return 2 ** (library.windowBits + 2) + 2 ** (library.memoryLevel + 9);
    case 'br': return 2 ** library.windowBits * 3 + 2 ** Math.min(library.blockBits, library.quality < 4 ? 16 : 20);
    case 'zstd': return 2 ** Math.min(27, 18 + Math.ceil(library.level / 2)) * 2;
  }
}

/** Who takes what is encoded. Nothing of it is called within `write` or `end`, nor after `destroy`. */
export interface EncoderOwner {
  onEncoded(bytes: Buffer): void;
  /** All of it has been encoded and taken. */
  onEncoderEnd(): void;
  /** It was full, and takes more. */
  onEncoderReady(): void;
  onEncoderError(error: Error): void;
}

/**
 * One body on its way through a compressor of zlib's thread pool. What came is flushed when no more comes meanwhile, so that an answer that streams is
 * not held back; while bytes come faster than they are encoded nothing is flushed, and the ratio is that of one piece.
 */
export class Encoder {
  private readonly stream: Flushing;
  private readonly flushKind: number;
  private readonly memory: number;
  /** Bytes that wait to be encoded. */
  pendingBytes = 0;
  private wasFull = false;
  private ending = false;
  private ended = false;
  private flushing = false;
  private destroyed = false;
  /** Flushed since the last bytes came, or about to be. */
  private flushed = true;

  /** Undefined where there are as many encoders as there may be. */
  static create(library: CompressorLibrary, owner: EncoderOwner): Encoder | undefined {
    const memory = memoryOf(library);
    return memoryInUse > 0 && memoryInUse + memory > MEMORY ? undefined : new Encoder(library, owner, memory);
  }

  private constructor(library: CompressorLibrary, private readonly owner: EncoderOwner, memory: number) {
    this.memory = memory;
    memoryInUse += memory;
    encoders.add(this);
    const { stream, flushKind } = open(library);
    this.stream = stream;
    this.flushKind = flushKind;
    stream.on('data', (bytes: Buffer) => {
      if (!this.destroyed) owner.onEncoded(bytes);
      progress();
    });
    stream.on('end', () => {
      this.ended = true;
      if (!this.destroyed) owner.onEncoderEnd();
      progress();
    });
    stream.on('error', (error) => {
      if (!this.destroyed) owner.onEncoderError(error);
    });
  }

  /** Takes `bytes` over. False: it is full, until `onEncoderReady`. */
  write(bytes: Buffer): boolean {
    this.pendingBytes += bytes.length;
    this.flushed = false;
    this.stream.write(bytes, () => this.written(bytes.length));
    this.wasFull = this.pendingBytes >= FULL;
    return !this.wasFull;
  }

  private written(length: number): void {
    this.pendingBytes -= length;
    progress();
    if (this.destroyed) return;
    if (this.wasFull && this.pendingBytes < FULL) {
      this.wasFull = false;
      this.owner.onEncoderReady();
    }
    // What is there to be read is read before.
    if (this.pendingBytes === 0 && !this.ending) setImmediate(() => this.flushIfQuiet());
  }

  private flushIfQuiet(): void {
    if (this.destroyed || this.ending || this.flushed || this.pendingBytes > 0) return;
    this.flushed = true;
    this.flushing = true;
    this.stream.flush(this.flushKind, () => {
      this.flushing = false;
      progress();
    });
  }

  end(): void {
    this.ending = this.flushed = true;
    this.stream.end();
  }

  /** A thread has something to do for it, or soon will. */
  get busy(): boolean {
    return !this.stream.isPaused() && (this.pendingBytes > 0 || !this.flushed || this.flushing || (this.ending && !this.ended));
  }

  get full(): boolean {
    return this.wasFull;
  }

  /** What is encoded is not taken for now. */
  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    if (this.stream.isPaused()) this.stream.resume();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    memoryInUse -= this.memory;
    encoders.delete(this);
    progress();
    this.stream.destroy();
  }

  /** Bytes that encoders hold, of those that are counted against the bound. */
  static get memoryInUse(): number {
    return memoryInUse;
  }
}

function open(library: CompressorLibrary): { stream: Flushing; flushKind: number } {
  switch (library.coding) {
    case 'gzip': return { stream: gzip(library), flushKind: zlib().constants.Z_SYNC_FLUSH };
    case 'br': return { stream: brotli(library), flushKind: zlib().constants.BROTLI_OPERATION_FLUSH };
    case 'zstd': return zstd(library);
  }
}

function gzip({ level, strategy, windowBits, memoryLevel, chunkSize }: GzipConfig): Flushing {
  return zlib().createGzip({ level, strategy, windowBits, memLevel: memoryLevel, chunkSize }) as unknown as Flushing;
}

function brotli({ quality, mode, windowBits, blockBits, disableLiteralContextModeling, chunkSize }: BrotliConfig): Flushing {
  const { constants } = zlib();
  return zlib().createBrotliCompress({
    chunkSize,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_MODE]: mode,
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_LGBLOCK]: blockBits,
      [constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: disableLiteralContextModeling ? 1 : 0,
    },
  }) as unknown as Flushing;
}

function zstd({ level, checksum, strategy, chunkSize }: ZstdConfig): { stream: Flushing; flushKind: number } {
  const { createZstdCompress, constants } = zlib() as unknown as ZstdRuntime;
  const params: Record<number, number> = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0 };
  if (strategy > 0) params[constants.ZSTD_c_strategy] = strategy;
  return { stream: createZstdCompress({ chunkSize, params }), flushKind: constants.ZSTD_e_flush };
}
