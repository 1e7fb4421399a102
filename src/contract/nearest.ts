/**
 * The word that was probably meant: the one that takes fewest changes of a letter, and not more than a third of its letters; undefined where none is
 * near.
 */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of words) {
    const changes = distance(word.toLowerCase(), candidate.toLowerCase());
    if (changes < least && changes <= Math.max(1, Math.floor(candidate.length / 3))) [best, least] = [candidate, changes];
  }
  return best;
}

/** Letters to change, to insert, to take out or to swap with their neighbour (optimal string alignment). */
function distance(from: string, to: string): number {
  let [before, last] = [[] as number[], Array.from({ length: to.length + 1 }, (_, index) => index)];
  for (let row = 1; row <= from.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = last[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      next[column] = Math.min(changed, last[column]! + 1, next[column - 1]! + 1);
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        next[column] = Math.min(next[column]!, before[column - 2]! + 1);
      }
    }
    [before, last] = [last, next];
  }
  return last[to.length]!;
}
