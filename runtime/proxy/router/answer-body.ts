import { BodyReader } from '../http1/body';
import { copyBytes } from '../http1/bytes';
import { Body, type Framing } from '../http1/framing';
import { Relay } from './relay';

/** An answer's body over HTTP/1.1: finds its end, and gives it the framing that its client knows. */
export class AnswerBody {
  /** Where the bytes that belonged to the message stopped, after `append`. */
  stop = 0;
  private relay: number = Relay.AsIs;
  private readonly reader = new BodyReader();

  start(framing: Framing, knowsChunks: boolean): void {
    this.reader.start(framing);
    if (framing.body === Body.Close && knowsChunks) this.relay = Relay.ToChunked;
    else this.relay = framing.body === Body.Chunked && !knowsChunks ? Relay.FromChunked : Relay.AsIs;
  }

  get kind(): number {
    return this.reader.kind;
  }

  get done(): boolean {
    return this.reader.done;
  }

  /** The client gets chunks that the upstream did not make. */
  get toChunked(): boolean {
    return this.relay === Relay.ToChunked;
  }

  /** See `BodyReader.read`: for a body that goes nowhere. */
  read(input: Buffer, start: number, end: number): number {
    return this.reader.read(input, start, end);
  }

  /** Writes what belongs to the body in [start, end) of `input` to `output` behind `at`, in the form the client gets it; -1 where its framing is invalid. */
  append(input: Buffer, start: number, end: number, output: Buffer, at: number): number {
    if (this.relay === Relay.FromChunked) return this.appendData(input, start, end, output, at);
    const stop = this.reader.read(input, start, end);
    if (stop < 0) return -1;
    this.stop = stop;
    if (stop === start) return at;
    if (this.relay === Relay.AsIs) return copyBytes(input, start, stop, output, at);
    let to = at + output.write(`${(stop - start).toString(16)}\r\n`, at, 'latin1');
    to = copyBytes(input, start, stop, output, to);
    output[to++] = 13;
    output[to++] = 10;
    return to;
  }

  private appendData(input: Buffer, start: number, end: number, output: Buffer, at: number): number {
    const { scanner } = this.reader;
    let from = start, to = at;
    while (from < end && !scanner.done) {
      from = scanner.nextData(input, from, end);
      if (from < 0) return -1;
      to = copyBytes(input, scanner.dataStart, scanner.dataEnd, output, to);
    }
    this.stop = from;
    return to;
  }
}
