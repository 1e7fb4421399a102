import type { HeaderMutation } from '../config/types';
import type { ResponseEdits } from '../http1/forward';
import type { HttpDate } from './http-date';

/** What an answer needs beside; one object, filled anew for each. */
export class Edits implements ResponseEdits {
  mutation: HeaderMutation | undefined;
  added: readonly string[] = [];
  close = false;
  toChunked = false;
  dropCoding = false;
  constructor(private readonly httpDate: HttpDate) {}
  date(): string {
    return this.httpDate.now();
  }
}
