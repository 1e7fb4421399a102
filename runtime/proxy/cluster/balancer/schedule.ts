/**
 * Earliest deadline first over entries 0 … n-1: a binary heap in flat arrays, O(log n), nothing allocated per pick. Entry i that was picked k
 * times has the deadline (k + 1) / weight. Computed afresh instead of summed up, it is exact for whole weights: in each cycle of as many picks
 * as the weights sum to, every entry is picked exactly as often as it weighs, and its picks lie evenly apart.
 */
export class Schedule {
  private readonly deadline: Float64Array;
  private readonly heap: Int32Array;
  private readonly picks: Float64Array;

  /** @param weights positive, at least one to pick from. */
  constructor(private readonly weights: readonly number[]) {
    const size = weights.length;
    this.deadline = new Float64Array(size);
    this.heap = new Int32Array(size);
    this.picks = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      this.heap[i] = i;
      this.deadline[i] = 1 / weights[i]!;
    }
    for (let i = (size >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  /** The entry whose turn it is. */
  next(): number {
    const entry = this.heap[0]!;
    const picks = this.picks[entry]! + 1;
    this.picks[entry] = picks;
    this.deadline[entry] = (picks + 1) / this.weights[entry]!;
    this.sink(0);
    return entry;
  }

  private before(left: number, right: number): boolean {
    const difference = this.deadline[left]! - this.deadline[right]!;
    return difference < 0 || (difference === 0 && left < right);
  }

  private sink(from: number): void {
    const { heap } = this;
    const entry = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.before(heap[child]!, entry)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }
}
