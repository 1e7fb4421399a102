import { Random } from '../../fuzz/mutate';
import { BAD_RESPONSES, PIECES, REQUESTS, RESPONSES, SMUGGLING } from '../../runtime/proxy/http1/corpus';
import { isAllowed } from '../../runtime/proxy/http1/differences';
import { readLlhttp, readOurs } from '../../runtime/proxy/support/messages';
import { Answers, echoes, EchoServer, send } from './exchange';
import { Running } from './proxies';

/** Connections at once. */
const WIDTH = 128;
const MUTATIONS = 800;

async function eachOf<T>(list: readonly T[], run: (item: T, index: number) => Promise<void>, width = WIDTH): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    for (let i = next++; i < list.length; i = next++) await run(list[i], i);
  }));
}

function mutated(messages: readonly string[], seed: number): string[] {
  const random = new Random(seed);
  return Array.from({ length: MUTATIONS }, () => {
    let text = random.pick(random.below(2) === 0 ? messages : messages.slice(0, 8));
    for (let edits = 1 + random.below(3); edits > 0; edits--) {
      const at = random.below(text.length + 1);
      text = text.slice(0, at) + (random.below(4) === 0 ? '' : random.pick(PIECES)) + text.slice(at + random.pick([0, 0, 0, 1, 2, 7]));
    }
    return text;
  });
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('requests: ours beside Envoy and llhttp', () => {
  let upstreams: EchoServer[];
  let ours: Running, envoy: Running;
  beforeAll(async () => {
    upstreams = [await EchoServer.start(), await EchoServer.start()];
    // Who sends byte by byte needs longer than anybody else.
    ours = await Running.start('ours', upstreams[0].port, '3s');
    envoy = await Running.start('envoy', upstreams[1].port, '3s');
  });
  afterAll(async () => {
    await ours.stop();
    await envoy.stop();
    for (const upstream of upstreams) await upstream.close();
  });

  /** What is wrong with how we take `text`, if anything. */
  async function judge(text: string, pieces?: readonly Buffer[]): Promise<string | undefined> {
    const bytes = bytesOf(text);
    const [mine, theirs] = (await Promise.all([send(ours.port, bytes, pieces), send(envoy.port, bytes, pieces)])).map(echoes);
    const reading = readOurs(bytes, false);
    const llhttp = readLlhttp(bytes, false);
    for (let i = 0; i < mine.passed.length; i++) {
      const alike = JSON.stringify(mine.passed[i]) === JSON.stringify(theirs.passed[i]);
      if (alike) continue;
      const shown = `${JSON.stringify(text)}: request ${i} is ${JSON.stringify(mine.passed[i])} to us, to Envoy ${JSON.stringify(theirs.passed[i] ?? theirs.refused)}`;
      if (theirs.passed[i] !== undefined) return isAllowed(text, reading, 'envoy') ? undefined : `${shown}: read in two ways`;
      if (llhttp.messages[i] === undefined && !isAllowed(text, reading, 'llhttp')) return `${shown}, and llhttp refuses it, too`;
      return isAllowed(text, reading, 'envoy') ? undefined : `${shown}: a difference that is not in the table`;
    }
    return undefined;
  }

  test.each([['that parsers have read in two ways', [...REQUESTS, ...SMUGGLING]], ['mutated', mutated([...REQUESTS, ...SMUGGLING], 1)]])('%s', async (_what, texts) => {
    const wrong: string[] = [];
    let passed = 0;
    await eachOf(texts, async (text) => {
      const found = await judge(text);
      if (found !== undefined) wrong.push(found);
      else passed++;
    });
    expect(wrong.sort()).toEqual([]);
    expect(passed).toBe(texts.length);
    // Whatever we send on, the upstream can read.
    expect(upstreams[0].unreadable).toEqual([]);
  });

  test('split at every byte', async () => {
    const cuts = (text: string): Buffer[][] => {
      const bytes = bytesOf(text);
      return [...bytes.keys()].slice(1).map((at) => [bytes.subarray(0, at), bytes.subarray(at)]);
    };
    const single = (text: string): Buffer[] => [...bytesOf(text)].map((byte) => Buffer.of(byte));
    // Each message byte by byte, and those that everybody takes in two at every byte.
    const all = [...REQUESTS, ...SMUGGLING].map((text) => ({ text, pieces: single(text) }));
    const inTwo = REQUESTS.flatMap((text) => cuts(text).map((pieces) => ({ text, pieces })));
    const wrong: string[] = [];
    await eachOf([...all, ...inTwo], async ({ text, pieces }) => {
      const found = await judge(text, pieces);
      if (found !== undefined) wrong.push(`${found}; cut behind ${pieces[0].length}`);
    }, 400);
    expect(wrong.sort()).toEqual([]);
    expect(upstreams[0].unreadable).toEqual([]);
  });
});

describe('answers: ours beside Envoy and llhttp', () => {
  let upstream: Answers;
  let ours: Running, envoy: Running;
  beforeAll(async () => {
    upstream = await Answers.start();
    ours = await Running.start('ours', upstream.port);
    envoy = await Running.start('envoy', upstream.port);
  });
  afterAll(async () => {
    await ours.stop();
    await envoy.stop();
    await upstream.close();
  });

  /** Status and body of what a client gets; undefined where the proxy did not take the answer, or broke it off. */
  async function through(port: number, n: number): Promise<string | undefined> {
    const received = await send(port, bytesOf(`GET /${n} HTTP/1.1\r\nhost: a\r\n\r\n`));
    const { messages, end } = readLlhttp(received, true);
    const final = messages.find(({ first }) => !first.startsWith('1'));
    if (final === undefined || end === 'partial' || final.first === '502' || final.first === '503') return undefined;
    return `${final.first} ${final.body}`;
  }

  test.each([['that parsers have read in two ways', [...RESPONSES, ...BAD_RESPONSES]], ['mutated', mutated([...RESPONSES, ...BAD_RESPONSES], 2)]])('%s', async (_what, given) => {
    // 502 and 503 are how a proxy says that it did not take an answer.
    const texts = given.filter((text) => !/^HTTP\/1\.[01] 50[23]/.test(text));
    upstream.texts = texts;
    const wrong: string[] = [];
    let alike = 0;
    await eachOf(texts, async (text, n) => {
      const [mine, theirs] = await Promise.all([through(ours.port, n), through(envoy.port, n)]);
      if (mine === undefined) return;
      if (mine === theirs) {
        alike++;
        return;
      }
      const reading = readOurs(bytesOf(text), true);
      if (isAllowed(text, reading, 'envoy')) return;
      const llhttp = readLlhttp(bytesOf(text), true).messages.find(({ first }) => !first.startsWith('1'));
      wrong.push(`${JSON.stringify(text)}: ${JSON.stringify(mine)} through us, ${JSON.stringify(theirs)} through Envoy, ${JSON.stringify(llhttp)} to llhttp`);
    });
    expect(wrong.sort()).toEqual([]);
    expect(alike).toBeGreaterThan(5);
  });
});
