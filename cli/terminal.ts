/** The terminal as `up` uses it: a screen that is painted over, and one line of input. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  paint(lines: readonly string[]): void;
  /** Gives the terminal back as it was. */
  close(): void;
}

export interface TerminalEvents {
  /** What is typed so far. */
  typed(text: string): void;
  entered(line: string): void;
  /** Ctrl-C or Ctrl-D. */
  ended(): void;
  resized(): void;
}

const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l';
const LEAVE_SCREEN = '\u001b[?25h\u001b[?1049l';

/** Takes the terminal over. */
export function openTerminal(input: NodeJS.ReadStream, output: NodeJS.WriteStream, events: TerminalEvents): Terminal {
  let text = '';
  const read = (chunk: string) => {
    // Keys that send more than a character, such as the arrows, are none of ours.
    for (const char of chunk.replace(/\u001b\[[0-9;]*[A-Za-z~]/g, '')) {
      if (char === '\u0003' || (char === '\u0004' && text === '')) return events.ended();
      if (char === '\r' || char === '\n') {
        const line = text;
        text = '';
        events.typed(text);
        if (line.trim() !== '') events.entered(line);
      } else if (char === '\u007f' || char === '\b') {
        text = [...text].slice(0, -1).join('');
        events.typed(text);
      } else if (char === '\u0015') {
        text = '';
        events.typed(text);
      } else if (char >= ' ' && text.length < 200) {
        text += char;
        events.typed(text);
      }
    }
  };
  input.setRawMode(true);
  input.setEncoding('utf8');
  input.on('data', read);
  output.on('resize', events.resized);
  output.write(ENTER_SCREEN);
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    input.off('data', read);
    output.off('resize', events.resized);
    input.setRawMode(false);
    input.pause();
    output.write(LEAVE_SCREEN);
  };
  process.once('exit', close);
  return {
    get columns() { return output.columns || 80; },
    get rows() { return output.rows || 24; },
    // Every line is written over the old one and the rest of it erased: nothing flickers.
    paint: (lines) => { if (open) output.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`); },
    close,
  };
}
