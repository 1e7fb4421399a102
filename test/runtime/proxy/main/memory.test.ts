import { getHeapSpaceStatistics } from 'node:v8';
import { compact } from '../../../../runtime/proxy/memory';

const youngGeneration = (): number => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')!.space_size;
const isSince22 = Number(process.versions.node.split('.')[0]) >= 22;

test('what the start left is given back where the runtime can; nobody gets a way to collect', () => {
  const before = youngGeneration();
  compact();
  if (isSince22) expect(youngGeneration()).toBeLessThan(before);
  else expect(youngGeneration()).toBe(before);
  expect(globalThis.gc).toBeUndefined();
});
