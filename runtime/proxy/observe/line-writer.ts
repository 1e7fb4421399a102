import { closeSync, openSync, write } from 'node:fs';
import type { Clock, Timer } from '../../clock';

const SIZE = 64 * 1024;
/** Milliseconds that a line waits at most before it is written. */
const FLUSH_INTERVAL = 200;
/** Wait before a full pipe is tried again. */
const RETRY = 50;

/** Writes bytes to a file descriptor and tells how many went, like `fs.write`. */
export type WriteBytes = (
  fd: number, buffer: Buffer, offset: number, length: number, done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

/** Takes the lines of an access log. */
export interface LineSink {
  /** Lines that were lost. */
  readonly dropped: number;
  /** Why they cannot be written; undefined while they can. */
  readonly problem: string | undefined;
  /** Takes a line, its newline included. */
  write(line: string): void;
  /** As `write`, of the line that is [0, end) of `bytes`; copied before this returns. */
  append(bytes: Buffer, end: number): void;
  /** Opens the file anew: somebody has renamed it (SIGUSR1). */
  reopen(): void;
  /** Resolves when everything was handed to the system, or could not be. */
  close(): Promise<void>;
}

/**
 * Lines into a file or standard output, from a buffer that is allocated once. Writing is done by the system's threads: a reader that stands still
 * costs lines, which are counted, and never stops the proxy.
 */
export class LineWriter implements LineSink {
  /** Because nobody took what was written before. */
  dropped = 0;
  problem: string | undefined;
  private filling: Buffer = Buffer.allocUnsafeSlow(SIZE);
  private used = 0;
  private spare: Buffer | undefined = Buffer.allocUnsafeSlow(SIZE);
  private fd: number | undefined;
  private timer: Timer | undefined;
  private reopening = false;
  private closing: (() => void) | undefined;
  /** Made once: a closure in `flushSoon` would be one for each line. */
  private readonly onTimer = () => {
    this.timer = undefined;
    this.flush();
  };

  /** @param path `-` is standard output. */
  constructor(readonly path: string, private readonly clock: Clock, private readonly writeBytes: WriteBytes = write as WriteBytes) {
    this.open();
  }

  write(line: string): void {
    // Three bytes are the most that a UTF-16 unit needs.
    if (!this.hasRoom(line.length * 3)) return;
    this.used += this.filling.write(line, this.used);
    this.flushSoon();
  }

  append(bytes: Buffer, end: number): void {
    if (!this.hasRoom(end)) return;
    bytes.copy(this.filling, this.used, 0, end);
    this.used += end;
    this.flushSoon();
  }

  /** Room for a line of that many bytes; without, it is lost. */
  private hasRoom(length: number): boolean {
    if (this.used + length <= SIZE) return true;
    this.flush();
    if (this.used + length <= SIZE) return true;
    this.dropped++;
    return false;
  }

  private flushSoon(): void {
    this.timer ??= this.clock.setTimer(FLUSH_INTERVAL, this.onTimer);
  }

  /** Hands what is there to the system, unless it is still busy with what came before. */
  flush(): void {
    if (this.used === 0 || !this.spare || this.fd === undefined) return;
    const full = this.filling;
    const length = this.used;
    this.filling = this.spare;
    this.spare = undefined;
    this.used = 0;
    this.writeRest(this.fd, full, 0, length);
  }

  reopen(): void {
    if (this.path === '-') return;
    if (this.spare) this.swapFile();
    else this.reopening = true;
  }

  async close(): Promise<void> {
    this.timer?.cancel();
    await new Promise<void>((resolve) => {
      this.closing = () => {
        if (this.used > 0 && this.fd !== undefined) {
          this.flush();
          return;
        }
        this.closing = undefined;
        if (this.fd !== undefined && this.path !== '-') closeSync(this.fd);
        this.fd = undefined;
        resolve();
      };
      if (this.spare) this.closing();
    });
  }

  private open(): void {
    try {
      this.fd = this.path === '-' ? 1 : openSync(this.path, 'a', 0o640);
      this.problem = undefined;
    } catch (error) {
      this.fd = undefined;
      this.problem = (error as Error).message;
    }
  }

  private swapFile(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.open();
  }

  private writeRest(fd: number, buffer: Buffer, from: number, length: number): void {
    this.writeBytes(fd, buffer, from, length - from, (error, written) => {
      if (error?.code === 'EAGAIN' && !this.closing) {
        this.clock.setTimer(RETRY, () => this.writeRest(fd, buffer, from, length));
        return;
      }
      if (!error && from + written < length) {
        this.writeRest(fd, buffer, from + written, length);
        return;
      }
      if (error) {
        this.problem = error.message;
        for (let at = from; at < length; at++) if (buffer[at] === 0x0a) this.dropped++;
      } else {
        this.problem = undefined;
      }
      this.spare = buffer;
      if (this.reopening) {
        this.reopening = false;
        this.swapFile();
      }
      if (this.closing) this.closing();
    });
  }
}
