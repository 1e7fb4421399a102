import type { Clock } from '../../clock';

/** The `date` of answers (RFC 9110 §5.6.7), made once a second. */
export class HttpDate {
  private second = -1;
  private text = '';
  constructor(private readonly clock: Clock) {}

  now(): string {
    const wallTime = this.clock.wallTime();
    const second = Math.floor(wallTime / 1000);
    if (second !== this.second) {
      this.second = second;
      this.text = new Date(wallTime).toUTCString();
    }
    return this.text;
  }
}
