import { PREFACE } from '../http2/protocol';
import { Found, MAX_INSPECTED } from './client-hello';

const LF = 10;
const SP = 32;
/** Methods that exist have 2 to 17 characters. */
const LONGEST_METHOD = 32;
/** A request line with its version at the end (RFC 9112 §3); what its target is made of is the parser's to judge. */
const REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ \S+ (HTTP\/1\.[01])\r?$/;

/** Whether bytes begin with a request of HTTP/1 or with the preface of HTTP/2 (RFC 9113 §3.4). Every byte is looked at once. */
export class HttpReader {
  /** As Envoy's http_inspector names it. */
  protocol: 'http/1.0' | 'http/1.1' | 'h2c' | '' = '';
  private line = '';
  private inMethod = true;
  /** How much of the preface it is so far; -1: it is none. */
  private preface = 0;

  read(bytes: Uint8Array, start: number, end: number): Found {
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (this.preface >= 0) {
        this.preface = byte === PREFACE[this.preface] ? this.preface + 1 : -1;
        if (this.preface === PREFACE.length) {
          this.protocol = 'h2c';
          return Found.Yes;
        }
      }
      // A preface has line ends; no request line is in it.
      if (byte === LF && this.preface < 0) return this.endOfLine();
      if (this.inMethod) {
        if (byte === SP && this.line !== '') this.inMethod = false;
        else if (byte <= SP || byte >= 127 || this.line.length >= LONGEST_METHOD) return Found.No;
      }
      this.line += String.fromCharCode(byte);
      if (this.line.length > MAX_INSPECTED) return Found.TooLong;
    }
    return Found.More;
  }

  private endOfLine(): Found {
    const version = REQUEST_LINE.exec(this.line)?.[1];
    if (version === undefined) return Found.No;
    this.protocol = version === 'HTTP/1.0' ? 'http/1.0' : 'http/1.1';
    return Found.Yes;
  }
}
