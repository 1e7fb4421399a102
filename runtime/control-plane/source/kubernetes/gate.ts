/** One at a time, in the order in which they came. */
export class Gate {
  private last: Promise<void> = Promise.resolve();

  async through<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.then(() => undefined, () => undefined);
    return result;
  }
}
