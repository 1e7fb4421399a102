/** How a body's bytes go on to the client. */
export const Relay = {
  AsIs: 0,
  /** The upstream's connection ends the body, the client gets chunks. */
  ToChunked: 1,
  /** The client knows no chunks and gets the data alone. */
  FromChunked: 2,
} as const;
