/** A moment of a process: what it ran, the innermost first. */
export interface Sample {
  readonly frames: readonly Frame[];
}

export interface Frame {
  readonly symbol: string;
  /** File that the code is mapped from; the kernel's is in brackets. */
  readonly object: string;
}

/** A line of a stack: address, symbol with an offset, and the object in parentheses at the end. */
const FRAME = /^\s+[0-9a-f]+ (.*) \((.*)\)$/;

/** What `perf script -F pid,ip,sym,dso` prints: a line for each sample, its stack below it, and an empty line. */
export function parseSamples(text: string): Sample[] {
  const samples: Sample[] = [];
  let frames: Frame[] = [];
  for (const line of text.split('\n')) {
    const frame = FRAME.exec(line);
    if (frame !== null) {
      frames.push({ symbol: frame[1], object: frame[2] });
    } else if (frames.length > 0) {
      samples.push({ frames });
      frames = [];
    }
  }
  if (frames.length > 0) samples.push({ frames });
  return samples;
}
