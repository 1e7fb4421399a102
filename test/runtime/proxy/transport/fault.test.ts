import { VirtualClock } from '../../../../runtime/clock/virtual';
import { Families } from '../../../../runtime/proxy/observe/families';
import { Faults } from '../../../../runtime/proxy/observe/faults';
import { createLog } from '../../../../runtime/proxy/observe/log';
import { Deadline, Deadlines } from '../../../../runtime/proxy/timer';
import {
  createPortableTransport, createRawTransport, READ_OFFSET, type Acceptor, type CloseReason, type Connection, type ConnectionHandler,
} from '../../../../runtime/proxy/transport';

/** Says what it hears; throws at what it is told to throw at. */
class Peer implements ConnectionHandler {
  connection!: Connection;
  readonly events: string[] = [];
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly throwsAt: string | undefined, private readonly input: () => Buffer) {}

  private happened(event: string): void {
    this.events.push(event);
    for (const tell of this.waiting.splice(0)) tell();
    if (event.startsWith(this.throwsAt ?? '-')) throw new Error(`at ${event}`);
  }

  async until(event: string): Promise<void> {
    while (!this.events.some((heard) => heard.startsWith(event))) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  onConnect(): void { this.happened('connect'); }
  onData(length: number): void { this.happened(`data ${this.input().toString('latin1', READ_OFFSET, READ_OFFSET + length)}`); }
  onEnd(): void { this.happened('end'); }
  onDrain(): void { this.happened('drain'); }
  onClosed(reason: CloseReason): void { this.happened(`closed ${reason}`); }
}

describe.each([['raw', createRawTransport], ['portable', createPortableTransport]])('an exception of a connection\'s owner, %s', (_, create) => {
  let acceptor: Acceptor;
  let clients: Peer[];
  let servers: Peer[];
  let faults: string[];

  async function start(throwsAt: string | undefined, clientThrowsAt?: string) {
    const transport = create();
    faults = [];
    transport.onFault = (error) => void faults.push((error as Error).message);
    servers = [];
    clients = [];
    acceptor = await transport.listen({ address: '127.0.0.1', port: 0 }, (connection) => {
      if (throwsAt === 'accept') throw new Error('at accept');
      const server = new Peer(throwsAt, () => transport.input);
      server.connection = connection;
      connection.handler = server;
      servers.push(server);
    });
    return (): Peer => {
      const client = new Peer(clientThrowsAt, () => transport.input);
      client.connection = transport.connect('127.0.0.1', acceptor.port, client);
      clients.push(client);
      return client;
    };
  }
  afterEach(async () => {
    for (const { connection } of [...clients, ...servers]) connection.close();
    await acceptor.close();
  });

  const say = (peer: Peer, text: string) => peer.connection.write(Buffer.from(text), 0, text.length);

  test('ends that connection, whose owner hears it, and no other', async () => {
    const connect = await start('data boom');
    const [bad, good] = [connect(), connect()];
    await Promise.all([bad.until('connect'), good.until('connect')]);
    say(bad, 'boom');
    await bad.until('closed reset');
    expect(faults).toEqual(['at data boom']);
    const failed = servers.find(({ events }) => events.includes('data boom'))!;
    expect(failed.events).toEqual(['data boom', 'closed reset']);
    expect(failed.connection.closed).toBe(true);
    say(good, 'fine');
    const other = servers.find((server) => server !== failed)!;
    await other.until('data fine');
    say(other, 'and back');
    await good.until('data and back');
  });

  test('also where it comes again when the owner is told', async () => {
    const connect = await start('');
    const bad = connect();
    await bad.until('connect');
    say(bad, 'boom');
    await bad.until('closed reset');
    expect(faults).toEqual(['at data boom', 'at closed reset']);
  });

  test('while a connection is accepted, or is made', async () => {
    let connect = await start('accept');
    const refused = connect();
    await refused.until('closed');
    expect(faults).toEqual(['at accept']);
    await acceptor.close();
    connect = await start(undefined, 'connect');
    const client = connect();
    await client.until('closed reset');
    expect(faults).toEqual(['at connect']);
  });

  test('reading stops while the connection is on hold, whatever its owner wants, and goes on where it was', async () => {
    const connect = await start(undefined);
    const client = connect();
    await client.until('connect');
    say(client, 'one');
    while (servers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [server] = servers;
    await server.until('data one');
    server.connection.hold!(true);
    server.connection.readStop();
    server.connection.readStart();
    say(client, 'two');
    // The other way goes on; what it brings back came after `two`.
    say(server, 'answer');
    await client.until('data answer');
    expect(server.events).toEqual(['data one']);
    server.connection.hold!(false);
    await server.until('data two');
    server.connection.readStop();
    server.connection.hold!(true);
    server.connection.hold!(false);
    say(client, 'three');
    say(server, 'again');
    await client.until('data again');
    expect(server.events).toEqual(['data one', 'data two']);
    server.connection.readStart();
    await server.until('data three');
  });
});

describe('an exception when a deadline has passed', () => {
  test('ends what the deadline is about; the others pass', () => {
    const clock = new VirtualClock();
    const faults: string[] = [];
    const passed: string[] = [];
    const deadlines = new Deadlines(clock, (error) => void faults.push((error as Error).message));
    const owner = (name: string, throws: boolean) => ({
      onDeadline: () => {
        passed.push(name);
        if (throws) throw new Error(name);
      },
      onFault: () => void passed.push(`end of ${name}`),
    });
    for (const [name, throws] of [['a', false], ['b', true], ['c', false]] as const) deadlines.set(new Deadline(owner(name, throws), 0), 10, clock.now());
    deadlines.set(new Deadline(owner('later', false), 0), 20, clock.now());
    clock.advance(10);
    expect([passed, faults]).toEqual([['a', 'b', 'end of b', 'c'], ['b']]);
    clock.advance(10);
    expect(passed.at(-1)).toBe('later');
  });
});

describe('faults', () => {
  test('are counted each; those of one second are logged ten times at the most, and then that some were not', () => {
    const clock = new VirtualClock();
    const lines: { fields: Record<string, unknown> }[] = [];
    const faults = new Faults(clock, createLog(clock, 'info', (line) => lines.push(JSON.parse(line) as typeof lines[number])));
    for (let i = 0; i < 15; i++) faults.record('connection', new Error(`number ${i}`));
    expect(lines).toHaveLength(10);
    clock.advance(1_000);
    faults.record('process', new Error('later'));
    expect(lines[10].fields).toMatchObject({ where: 'process', notLogged: 5, error: expect.stringContaining('later') as string });
    const families = new Families();
    faults.collect(families);
    expect(families.stats()).toBe('server.faults.connection: 15\nserver.faults.deadline: 0\nserver.faults.process: 1\n');
  });
});
