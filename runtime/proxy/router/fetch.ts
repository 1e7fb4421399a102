import type { Timer } from '../../clock';
import type { FetchResult, FetchUnderWay } from '../filter/jwt';
import { BodyReader } from '../http1/body';
import { Body, Framing, Refuse, readResponse } from '../http1/framing';
import { Head } from '../http1/head';
import { Dechunker } from '../http2/dechunker';
import { READ_OFFSET, type CloseReason, type Connection, type ConnectionHandler } from '../transport';
import type { Router } from './router';

/** Bytes of an answer at most; a set of keys has a few thousand. */
const MAX_ANSWER = 1024 * 1024;

export interface FetchFrom {
  readonly cluster: string;
  readonly host: string;
  readonly path: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Gets a document from an endpoint of a cluster, for the proxy itself, on a connection of its own: HTTP/1.1, with the cluster's TLS. Redirects are not followed.
 * `done` is called once, never from within.
 */
export function fetchFrom(router: Router, from: FetchFrom, done: (result: FetchResult) => void): FetchUnderWay {
  const pool = router.clusters.get(from.cluster);
  const host = pool?.cluster.pick(undefined, undefined, 0);
  if (pool === undefined || host === undefined) {
    const failure = pool === undefined ? `cluster ${from.cluster} is not known` : `cluster ${from.cluster} has no endpoint`;
    const timer = router.clock.setTimer(0, () => done({ failure, nowhere: true }));
    return timer;
  }
  const fetching = new FetchedDocument(router.transport.input, from, done);
  fetching.timer = router.clock.setTimer(from.timeout, () => fetching.fail('was not answered in time'));
  fetching.connection = pool.dial(host, fetching);
  return fetching;
}

class FetchedDocument implements ConnectionHandler, FetchUnderWay {
  connection!: Connection;
  timer!: Timer;
  private over = false;
  private readonly head = new Head();
  private readonly framing = new Framing();
  private readonly reader = new BodyReader();
  private readonly dechunker = new Dechunker();
  /** Of the head, until it is whole. */
  private received: Buffer = Buffer.alloc(0);
  private hasHead = false;
  private readonly body: Buffer[] = [];
  private length = 0;

  constructor(private readonly input: Buffer, private readonly from: FetchFrom, private readonly done: (result: FetchResult) => void) {}

  cancel(): void {
    this.over = true;
    this.timer.cancel();
    this.connection.close();
  }

  fail(failure: string): void {
    this.finish({ failure });
  }

  private finish(result: FetchResult): void {
    if (this.over) return;
    this.cancel();
    this.done(result);
  }

  onConnect(): void {
    const { host, path } = this.from;
    const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\naccept: application/json\r\nuser-agent: meshwright\r\nconnection: close\r\n\r\n`, 'latin1');
    this.connection.write(request, 0, request.length);
  }

  onData(length: number): void {
    // The buffer is everybody's: whatever is told of this is told when nothing is read out of it any more.
    const bytes = Buffer.from(this.input.subarray(READ_OFFSET, READ_OFFSET + length));
    if (this.hasHead) this.readBody(bytes);
    else this.readHead(Buffer.concat([this.received, bytes]));
  }

  private readHead(bytes: Buffer): void {
    const { head, framing } = this;
    const length = head.parseResponse(bytes, 0, bytes.length);
    if (length === 0 && bytes.length <= MAX_ANSWER) {
      this.received = bytes;
      return;
    }
    if (length <= 0 || readResponse(head, framing, false) !== Refuse.Nothing) {
      this.fail('was answered by no valid HTTP/1.1');
      return;
    }
    if (head.status < 200) {
      this.received = Buffer.alloc(0);
      if (length < bytes.length) this.readHead(bytes.subarray(length));
      return;
    }
    if (head.status !== 200) {
      this.fail(`was answered by ${head.status}`);
      return;
    }
    this.hasHead = true;
    this.reader.start(framing);
    this.readBody(bytes.subarray(length));
  }

  private readBody(bytes: Buffer): void {
    const { reader, dechunker, framing } = this;
    const stop = reader.read(bytes, 0, bytes.length);
    this.length += bytes.length;
    if (stop < 0 || this.length > MAX_ANSWER) {
      this.fail(stop < 0 ? 'was answered by no valid HTTP/1.1' : `was answered by more than ${MAX_ANSWER} bytes`);
      return;
    }
    if (framing.body === Body.Chunked) {
      for (let at = 0; at < stop && !dechunker.done;) {
        at = dechunker.next(bytes, at, stop);
        if (dechunker.dataEnd > dechunker.dataStart) this.body.push(bytes.subarray(dechunker.dataStart, dechunker.dataEnd));
      }
    } else {
      this.body.push(bytes.subarray(0, stop));
    }
    if (reader.done) this.finish({ text: Buffer.concat(this.body).toString('utf8') });
  }

  onEnd(): void {
    if (this.hasHead && this.framing.body === Body.Close) this.finish({ text: Buffer.concat(this.body).toString('utf8') });
    else this.fail('was broken off');
  }

  onDrain(): void {}

  onClosed(reason: CloseReason): void {
    const { failure } = this.connection;
    this.fail(failure !== undefined ? failure.text : reason === 'connect_failed' ? 'could not be connected to' : 'was broken off');
  }
}
