import type { Head } from '../http1/head';

/** The authority of a connection's requests, in lower case. Those of one connection most often name the same: it is a new string only where it is another. */
export class LastAuthority {
  private text = '';

  /** [start, end) of `head`. */
  of(head: Head, start: number, end: number): string {
    const { text } = this;
    if (text.length === end - start) {
      const { bytes, base } = head;
      let i = 0;
      while (i < text.length && bytes[base + start + i] === text.charCodeAt(i)) i++;
      if (i === text.length) return text;
    }
    return (this.text = head.text(start, end).toLowerCase());
  }
}
