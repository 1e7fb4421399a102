import type { Clock, Timer } from '../../clock';
import type { LineSink } from '../observe/line-writer';
import type { FromWorker } from './messages';

/** Characters that are sent together, and milliseconds that a line waits at most. */
const TOGETHER = 16 * 1024;
const LONGEST_WAIT = 100;
/** Characters under way to a main thread that does not take them; more is lost, and counted. */
const MOST = 1024 * 1024;

/**
 * An access log of a worker: the main thread writes it, one line after the other, whichever worker they are of. Lines of one worker keep their
 * order.
 */
export class ForwardedLog implements LineSink {
  dropped = 0;
  readonly problem = undefined;
  private lines = '';
  private underWay = 0;
  private timer: Timer | undefined;

  constructor(readonly path: string, private readonly clock: Clock, private readonly post: (message: FromWorker) => void) {
    post({ kind: 'openLog', path });
  }

  write(line: string): void {
    if (this.underWay + this.lines.length + line.length > MOST) {
      this.dropped++;
      return;
    }
    this.lines += line;
    if (this.lines.length >= TOGETHER) this.flush();
    else this.timer ??= this.clock.setTimer(LONGEST_WAIT, () => this.flush());
  }

  append(bytes: Buffer, end: number): void {
    this.write(bytes.toString('utf8', 0, end));
  }

  /** The main thread has taken so much. */
  taken(length: number): void {
    this.underWay -= length;
  }

  /** The file is the main thread's. */
  reopen(): void {}

  async close(): Promise<void> {
    this.flush();
    this.post({ kind: 'closeLog', path: this.path });
  }

  private flush(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.lines === '') return;
    const { path, lines } = this;
    this.lines = '';
    this.underWay += lines.length;
    this.post({ kind: 'log', path, lines });
  }
}
