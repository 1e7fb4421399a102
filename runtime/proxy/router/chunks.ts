const CRLF = Buffer.from('\r\n', 'latin1');

/** `pieces` as one chunk (RFC 9112 §7.1), and `end` behind it. */
export function joinedChunk(pieces: readonly Buffer[], end: Buffer): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  if (length === 0) return end;
  return Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`, 'latin1'), ...pieces, CRLF, end]);
}

/** The last chunk, with the trailers that came (their lines, and the empty one) and more of them. */
export function lastChunk(trailers: Buffer, added: readonly string[]): Buffer {
  const came = trailers.length > 2 ? trailers.toString('latin1', 0, trailers.length - 2) : '';
  return Buffer.from(`0\r\n${came}${added.join('')}\r\n`, 'latin1');
}

/** Lines of trailers without those of `names`, which are in lower case. */
export function withoutFields(lines: Buffer, names: readonly string[]): Buffer {
  const kept = lines.toString('latin1').split('\r\n').filter((line) => !names.includes(line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase()));
  return Buffer.from(kept.join('\r\n'), 'latin1');
}
