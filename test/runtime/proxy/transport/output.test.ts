import { OUTPUT_SIZE } from '../../../../runtime/proxy/transport';
import { giveBackOutput, takeFrames, takeOutput } from '../../../../runtime/proxy/transport/output';

const CONNECTIONS = 64;

describe('buffers that frames are composed in', () => {
  test('those of a round with many connections serve the next round', () => {
    const first = Array.from({ length: CONNECTIONS }, () => takeFrames(100));
    first.forEach(giveBackOutput);
    const second = Array.from({ length: CONNECTIONS }, () => takeFrames(100));
    second.forEach(giveBackOutput);
    expect(new Set(second)).toEqual(new Set(first));
    expect(new Set(first).size).toBe(CONNECTIONS);
  });

  test('what is kept is bounded', () => {
    const many = Array.from({ length: 4 * CONNECTIONS }, () => takeFrames(100));
    many.forEach(giveBackOutput);
    const again = Array.from({ length: 4 * CONNECTIONS }, () => takeFrames(100));
    again.forEach(giveBackOutput);
    expect(again.filter((buffer) => many.includes(buffer))).toHaveLength(CONNECTIONS);
  });

  test('a block that needs more has a buffer as long as that of a connection', () => {
    const large = takeFrames(OUTPUT_SIZE);
    expect(large).toHaveLength(OUTPUT_SIZE);
    giveBackOutput(large);
    expect(takeFrames(100).length).toBeLessThan(OUTPUT_SIZE);
    expect(takeOutput()).toBe(large);
  });
});
