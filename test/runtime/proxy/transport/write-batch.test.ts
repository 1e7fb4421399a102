import { createRawTransport, type Connection, type ConnectionHandler } from '../../../../runtime/proxy/transport';
import { SLOT_BYTES, WriteBatch, type BatchedWriter, type Slot } from '../../../../runtime/proxy/transport/write-batch';

/** Writes what it has when it is told to. */
class Writer implements BatchedWriter {
  slot: Slot | undefined;
  constructor(private readonly name: string, private readonly sent: string[]) {}
  commit(): void {
    const { slot } = this;
    if (slot === undefined) return;
    this.slot = slot.owner = undefined;
    this.sent.push(`${this.name}:${Buffer.from(slot.view()).toString('latin1')}`);
  }
}

describe('a batch', () => {
  let rounds: (() => void)[];
  let sent: string[];
  let batch: WriteBatch;

  beforeEach(() => {
    rounds = [];
    sent = [];
    batch = new WriteBatch((run) => rounds.push(run));
  });

  function write(text: string, writer = new Writer(text, sent)): Writer {
    writer.slot = batch.take(writer);
    if (writer.slot === undefined) sent.push(`at once:${text}`);
    else writer.slot.append(Buffer.from(text), 0, text.length);
    return writer;
  }

  function endRound(): void {
    for (const run of rounds.splice(0)) run();
  }

  test('what is written in a round goes out at its end, in order, after one look at the clock of rounds', () => {
    for (const text of ['a', 'b', 'c']) write(text);
    expect(sent).toEqual([]);
    expect(rounds).toHaveLength(1);
    endRound();
    expect(sent).toEqual(['a:a', 'b:b', 'c:c']);
  });

  test('who writes again in the same round adds to what waits; who commits early is passed over', () => {
    const writer = write('a');
    writer.slot!.append(Buffer.from('xbcx'), 1, 3);
    const early = write('e');
    early.commit();
    expect(sent).toEqual(['e:e']);
    endRound();
    expect(sent).toEqual(['e:e', 'a:abc']);
  });

  test('a slot takes no more than it has room for, and is empty for who comes next', () => {
    const writer = write('a');
    expect(writer.slot!.append(Buffer.alloc(SLOT_BYTES - 1, 'b'), 0, SLOT_BYTES - 1)).toBe(true);
    expect(writer.slot!.append(Buffer.from('c'), 0, 1)).toBe(false);
    endRound();
    expect(sent[0]).toHaveLength('a:'.length + SLOT_BYTES);
    write('n');
    endRound();
    expect(sent[1]).toBe('n:n');
  });

  test('memory that a pending write reads from is not written to again', () => {
    const writer = new Writer('', sent);
    const slot = batch.take(writer)!;
    slot.append(Buffer.from('held'), 0, 4);
    const held = slot.view();
    slot.lend();
    endRound();
    const again = batch.take(writer)!;
    expect(again).toBe(slot);
    again.append(Buffer.from('next'), 0, 4);
    expect(Buffer.from(held).toString()).toBe('held');
    expect(Buffer.from(again.view()).toString()).toBe('next');
  });

  test('of very many writes the first ones do not wait for the last', () => {
    for (let i = 0; i < 65; i++) write(String(i));
    expect(sent).toHaveLength(64);
    endRound();
    expect(sent).toHaveLength(65);
  });

  test('where rounds have few writes they go out at once, until there are many again', () => {
    for (let round = 0; round < 4; round++) {
      write('slow');
      endRound();
    }
    sent.length = 0;
    for (let i = 0; i < 31; i++) write('now');
    expect(sent).toEqual(Array.from({ length: 31 }, () => 'at once:now'));
    // A look at whether that is still so: it is not.
    for (const text of ['a', 'b', 'c']) write(text);
    endRound();
    write('d');
    expect(rounds).toHaveLength(1);
    endRound();
    expect(sent.slice(31)).toEqual(['a:a', 'b:b', 'c:c', 'd:d']);
  });
});

/** Calls back with everything that came until the peer ended. */
class Collector implements ConnectionHandler {
  private readonly pieces: Buffer[] = [];
  constructor(private readonly input: Buffer, private readonly offset: number, private readonly ended: (pieces: string[]) => void) {}
  onConnect(): void {}
  onDrain(): void {}
  onClosed(reason: string): void { this.ended([reason]); }
  onData(length: number): void { this.pieces.push(Buffer.from(this.input.subarray(this.offset, this.offset + length))); }
  onEnd(): void { this.ended(this.pieces.map(String)); }
}

describe('the raw transport', () => {
  /** A connection on which `act` runs once it is made, and what its peer then got. */
  async function got(act: (connection: Connection, output: Buffer) => void): Promise<string[]> {
    const transport = createRawTransport();
    const { READ_OFFSET } = await import('../../../../runtime/proxy/transport');
    const result = new Promise<string[]>((resolve) => {
      void transport.listen({ address: '127.0.0.1', port: 0 }, (connection) => {
        connection.handler = new Collector(transport.input, READ_OFFSET, (pieces) => {
          connection.close();
          void acceptor.then((open) => open.close()).then(() => resolve(pieces));
        });
      }).then((open) => {
        settle(open);
        const client = transport.connect('127.0.0.1', open.port, {
          onConnect: () => act(client, transport.output), onData: () => {}, onEnd: () => client.close(), onDrain: () => {}, onClosed: () => {},
        });
      });
    });
    let settle: (open: { close(): Promise<void> }) => void = () => {};
    const acceptor = new Promise<{ close(): Promise<void> }>((resolve) => (settle = resolve));
    return result;
  }

  test('short writes of one round are one to the peer, whichever way they are made', async () => {
    const pieces = await got((connection, output) => {
      connection.write(Buffer.from('one '), 0, 4);
      connection.writeStable(Buffer.from('two '), 4);
      output.write('three', 0, 'latin1');
      connection.flush(5);
      expect(connection.pendingBytes).toBe(13);
      connection.shutdown();
    });
    expect(pieces).toEqual(['one two three']);
  });

  test('a long write goes out behind the short one before it, and a close behind both', async () => {
    const long = Buffer.alloc(SLOT_BYTES + 1, 'l');
    const pieces = await got((connection) => {
      connection.write(Buffer.from('short'), 0, 5);
      connection.write(long, 0, long.length);
      connection.write(Buffer.from('end'), 0, 3);
      connection.close();
    });
    expect(pieces.join('')).toBe(`short${String(long)}end`);
  });

  test('what was committed has left', async () => {
    const pieces = await got((connection) => {
      connection.write(Buffer.from('x'), 0, 1);
      connection.commit!();
      expect(connection.pendingBytes).toBe(0);
      connection.end();
    });
    expect(pieces).toEqual(['x']);
  });
});
